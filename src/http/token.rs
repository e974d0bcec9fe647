//! The `sdk_token`: a JWT (RFC 7519) that opens one session to the person being verified.
//!
//! The same claims always make the same token, so that the answer to the creation of a session
//! can be made again byte for byte.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use vetd_model::{ErrorCode, Mode, Realm, Refusal, Session, SessionId, Timestamp, WorkspaceId};

/// The longest life of a token.
const LIFE: Duration = Duration::from_secs(1800);
const AUDIENCE: &str = "vetd:iframe";
/// Pinned: the header of a token does not choose.
const ALGORITHM: Algorithm = Algorithm::HS256;

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    aud: String,
    /// The session.
    sub: String,
    /// The workspace's number.
    wsp: u32,
    live: bool,
    iat: u64,
    exp: u64,
}

/// A token, to be handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SdkToken {
    /// The JWT.
    pub(super) text: String,
    /// When it ends.
    pub(super) expires_at: Timestamp,
}

/// What a genuine token opens, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    /// Whose session.
    pub(super) realm: Realm,
    /// Which.
    pub(super) session: SessionId,
    /// The token's own end, to be compared with the engine's clock.
    pub(super) expires_at: Timestamp,
}

/// Makes and reads tokens.
pub(super) struct Tokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Tokens {
    /// With this secret.
    pub(super) fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["aud", "exp", "sub"]);
        // The library would ask the machine's clock; the caller asks the engine's.
        validation.validate_exp = false;
        Self { encoding: EncodingKey::from_secret(secret), decoding: DecodingKey::from_secret(secret), validation }
    }

    /// A token for a session, issued at `at`: it ends after half an hour, and with the session.
    pub(super) fn issue(&self, session: &Session, at: Timestamp, session_end: Timestamp) -> SdkToken {
        let expires_at = at.floor_second().after(LIFE).min(session_end);
        let claims = Claims {
            aud: AUDIENCE.to_owned(),
            sub: session.id.to_string(),
            wsp: session.realm.workspace.0,
            live: session.realm.mode.is_live(),
            iat: at.seconds(),
            exp: expires_at.seconds(),
        };
        SdkToken { text: self.sign(&claims), expires_at }
    }

    fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(ALGORITHM), claims, &self.encoding).unwrap_or_else(|error| {
            tracing::error!(%error, "a token could not be signed");
            String::new()
        })
    }

    /// What a token opens. Whether its time has passed is the caller's question.
    ///
    /// # Errors
    /// `invalid_signature` for anything that vetd did not issue for this purpose.
    pub(super) fn verify(&self, token: &str) -> Result<Grant, Refusal> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        let claims = decoded.map_err(|_| forged())?.claims;
        let realm = Realm { workspace: WorkspaceId(claims.wsp), mode: Mode::from_livemode(claims.live) };
        let session = claims.sub.parse().map_err(|_| forged())?;
        Ok(Grant { realm, session, expires_at: Timestamp::from_seconds(claims.exp) })
    }
}

/// True for what has the three parts of a JWT.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.split('.').count() == 3
}

/// The refusal of a token whose time, or whose session's time, has passed.
pub(super) fn ended() -> Refusal {
    Refusal::new(ErrorCode::SessionExpired, "The session or its token has ended.")
}

fn forged() -> Refusal {
    Refusal::new(ErrorCode::InvalidSignature, "The token was not issued by this server for this purpose.")
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
    const SESSION: &str = "ses_01jdf2myt0fzzvzzzzzzzzzzzz";

    fn claims() -> Claims {
        Claims { aud: AUDIENCE.to_owned(), sub: SESSION.to_owned(), wsp: 7, live: true, iat: 1000, exp: 2800 }
    }

    fn forge(header: &serde_json::Value, claims: &Claims, signature: &str) -> String {
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let (header, claims) = (serde_json::to_vec(header).unwrap(), serde_json::to_vec(claims).unwrap());
        format!("{}.{}.{signature}", part(header), part(claims))
    }

    fn refused(token: &str) {
        let refusal = Tokens::new(SECRET).verify(token).expect_err("not a genuine token");
        assert_eq!(refusal.code, ErrorCode::InvalidSignature);
    }

    #[test]
    fn the_same_claims_make_the_same_token_and_come_back() {
        let tokens = Tokens::new(SECRET);
        let token = tokens.sign(&claims());
        assert_eq!(token, Tokens::new(SECRET).sign(&claims()));
        assert!(looks_like_one(&token));
        let grant = tokens.verify(&token).unwrap();
        assert_eq!(grant.realm, Realm { workspace: WorkspaceId(7), mode: Mode::Live });
        assert_eq!(grant.session.to_string(), SESSION);
        // Long past by the machine's clock: the engine's decides.
        assert_eq!(grant.expires_at, Timestamp::from_seconds(2800));
    }

    #[test]
    fn no_other_algorithm_is_taken() {
        for algorithm in ["none", "None", "HS384", "HS512", "RS256", "EdDSA"] {
            refused(&forge(&json!({ "alg": algorithm, "typ": "JWT" }), &claims(), ""));
        }
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let key = EncodingKey::from_secret(SECRET);
            refused(&jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap());
        }
    }

    #[test]
    fn a_changed_claim_another_key_or_another_purpose_is_refused() {
        let genuine = Tokens::new(SECRET).sign(&claims());
        let signature = genuine.rsplit('.').next().unwrap();
        let other_session = Claims { sub: SESSION.replace("fzz", "fzy"), ..claims() };
        let longer = Claims { exp: 9_999_999_999, ..claims() };
        for changed in [other_session, longer, Claims { wsp: 8, ..claims() }, Claims { live: false, ..claims() }] {
            refused(&forge(&json!({ "alg": "HS256", "typ": "JWT" }), &changed, signature));
        }
        refused(&genuine[..genuine.len() - 2]);
        refused(&Tokens::new(b"another").sign(&claims()));
        refused(&Tokens::new(SECRET).sign(&Claims { aud: "vetd:media".to_owned(), ..claims() }));
        refused(&Tokens::new(SECRET).sign(&Claims { sub: "ver_01jdf2myt0fzzvzzzzzzzzzzzz".to_owned(), ..claims() }));
        refused("a.b.c");
    }

    #[test]
    fn keys_do_not_look_like_tokens() {
        assert!(!looks_like_one("ak_test_0123456789abcdefghijklmn"));
        assert!(!looks_like_one("a.b"));
    }
}
