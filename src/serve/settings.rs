//! What `vetd serve` is told, by flags and by the environment, and whether it makes sense.

use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use url::Url;
use zeroize::Zeroizing;

use super::telemetry::LogFormat;
use crate::failure::Failure;

/// The flags of `vetd serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// The data folder; made at the first start
    #[arg(long, env = "VETD_DATA", value_name = "DIR", default_value = "./vetd-data")]
    pub data: PathBuf,
    /// The address and port to listen on; port 0 takes a free one
    #[arg(long, env = "VETD_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = address)]
    pub listen: SocketAddr,
    /// The address that links lead to [default: http:// and the listen address]
    #[arg(long, env = "VETD_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// What to log: a level, or levels by module (info,vetd=debug)
    #[arg(long, env = "VETD_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How log lines look
    #[arg(long, env = "VETD_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// The disk space that vetd leaves free, in MiB; below it, writes are refused
    #[arg(long, env = "VETD_DISK_RESERVE", value_name = "MIB", default_value_t = 256)]
    pub disk_reserve: u64,
    /// The store's cache, in MiB
    #[arg(long, env = "VETD_CACHE", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(8..=1 << 20))]
    pub cache: u64,
    /// The most idle sessions kept in memory
    #[arg(long, env = "VETD_RESIDENT", value_name = "SESSIONS", default_value_t = 10_000)]
    pub resident: usize,
    /// The most connections at a time; more wait in the system's queue
    #[arg(long, env = "VETD_CONNECTIONS", value_name = "NUMBER", default_value_t = 4096, value_parser = connections)]
    pub connections: usize,
    /// How long requests and checks may take to finish when vetd is told to end
    #[arg(long, env = "VETD_SHUTDOWN_GRACE", value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub shutdown_grace: u64,
    /// Shifts the clock, for tests; only on a loopback address
    #[arg(
        long,
        env = "VETD_CLOCK_OFFSET",
        value_name = "SECONDS",
        default_value_t = 0,
        hide = true,
        allow_negative_numbers = true
    )]
    pub clock_offset: i64,
}

/// The flags and the environment, checked against each other.
#[derive(Clone)]
pub struct Settings {
    /// The flags.
    pub args: ServeArgs,
    /// The base of every link, without a slash at its end, if it was given.
    pub public_url: Option<String>,
    /// `VETD_MASTER_KEY`.
    pub master_key: Option<Zeroizing<String>>,
    /// `VETD_BOOTSTRAP_TEST_KEY`.
    pub bootstrap_key: Option<String>,
}

impl Settings {
    /// Takes the flags and reads the secrets from the environment.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn from_env(args: ServeArgs) -> Result<Self, Failure> {
        Self::check(args, secret("VETD_MASTER_KEY")?.map(Zeroizing::new), secret("VETD_BOOTSTRAP_TEST_KEY")?)
    }

    fn check(
        args: ServeArgs,
        master_key: Option<Zeroizing<String>>,
        bootstrap_key: Option<String>,
    ) -> Result<Self, Failure> {
        if args.clock_offset != 0 && !args.listen.ip().is_loopback() {
            return Err(Failure::configuration(format!(
                "VETD_CLOCK_OFFSET moves the clock for tests and is allowed only on a loopback address, but vetd \
                 would listen on {}. Unset it, or listen on 127.0.0.1.",
                args.listen
            )));
        }
        if bootstrap_key.as_deref().is_some_and(|key| !is_test_key(key)) {
            return Err(Failure::configuration(
                "VETD_BOOTSTRAP_TEST_KEY must be ak_test_ followed by 24 to 64 letters or digits",
            ));
        }
        let public_url = args.public_url.as_deref().map(public_url).transpose()?;
        Ok(Self { args, public_url, master_key, bootstrap_key })
    }

    /// The base of every link, given the address that is really listened on.
    #[must_use]
    pub fn public_url(&self, listening: SocketAddr) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{listening}"))
    }

    /// How long the end may take.
    #[must_use]
    pub const fn grace(&self) -> Duration {
        Duration::from_secs(self.args.shutdown_grace)
    }
}

/// Reads a secret from the environment; an empty one is none.
///
/// # Errors
/// If it is not text.
pub fn secret(name: &str) -> Result<Option<String>, Failure> {
    match env::var(name) {
        Ok(value) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Failure::configuration(format!("{name} is not readable text"))),
    }
}

fn is_test_key(key: &str) -> bool {
    key.strip_prefix("ak_test_").is_some_and(|letters| {
        (24..=64).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| "give an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

fn connections(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "give a number from 1 to 1000000".to_owned())
}

fn public_url(text: &str) -> Result<String, Failure> {
    let wrong = |why: &str| {
        Failure::configuration(format!(
            "--public-url (VETD_PUBLIC_URL) {why}. Give the address that browsers use, such as https://verify.example.com"
        ))
    };
    let url = Url::parse(text).map_err(|error| wrong(&format!("is not an address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must begin with http:// or https://"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not have a query, a fragment, a user name or a password"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::failure::Kind;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn check(flags: &[&str], bootstrap: Option<&str>) -> Result<Settings, Failure> {
        let flags = Flags::parse_from(["vetd"].iter().chain(flags));
        Settings::check(flags.serve, None, bootstrap.map(str::to_owned))
    }

    fn refused(flags: &[&str], bootstrap: Option<&str>) -> String {
        let failure = check(flags, bootstrap).err().unwrap();
        assert_eq!(failure.kind, Kind::Configuration);
        failure.message
    }

    #[test]
    fn the_clock_is_shifted_only_on_loopback() {
        assert!(check(&["--clock-offset", "-60"], None).is_ok());
        assert!(check(&["--clock-offset=60", "--listen=[::1]:0"], None).is_ok());
        assert!(refused(&["--clock-offset=60", "--listen=0.0.0.0:80"], None).contains("loopback"));
        assert!(check(&["--listen=0.0.0.0:80"], None).is_ok());
    }

    #[test]
    fn a_bootstrap_key_is_a_test_key() {
        let letters = "a".repeat(24);
        assert!(check(&[], Some(&format!("ak_test_{letters}"))).is_ok());
        for wrong in [&format!("ak_live_{letters}"), "ak_test_short", &format!("ak_test_{letters}-")] {
            assert!(refused(&[], Some(wrong)).contains("VETD_BOOTSTRAP_TEST_KEY"));
        }
    }

    #[test]
    fn links_begin_with_the_public_url_or_the_listen_address() {
        let listening = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(check(&[], None).unwrap().public_url(listening), "http://127.0.0.1:4000");
        let settings = check(&["--public-url", "https://id.example.com/kyc/"], None).unwrap();
        assert_eq!(settings.public_url(listening), "https://id.example.com/kyc");
        for wrong in ["ftp://x", "id.example.com", "https://u:p@x", "https://x/?a=b", "https://x/#a"] {
            assert!(refused(&["--public-url", wrong], None).contains("--public-url"), "{wrong}");
        }
    }

    #[test]
    fn localhost_is_an_address() {
        assert_eq!(address("localhost:8080").unwrap(), "127.0.0.1:8080".parse().unwrap());
        assert!(address("8080").is_err());
    }
}
