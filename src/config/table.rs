//! Every setting, declared once. To add one, add an entry, then run
//! `cargo run -- config --reference > docs/configuration.md`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use vetd_model::address::{Ranges, WebhookTargets};
use vetd_model::rate::Rate;
use vetd_storage::media::BucketEndpoint;
use zeroize::Zeroizing;

use super::file::read_limited;
use super::layers::Layers;
use super::media::MediaPlace;
use super::setting::{Setting, number, text};
use super::value::{
    CollectorUrl, Days, DemoChoice, Kibibytes, LogFilter, LogFormat, Mebibytes, PublicUrl, Secret, Share, Value,
};
use crate::admin;
use crate::failure::Failure;
use crate::http::Demo;
use crate::telemetry::TraceSettings;

/// Makes [`Settings`] and [`all`] of the entries. An entry is: what it means (also shown to
/// operators), `name: Type = how it is written, its range and its default`.
macro_rules! settings {
    ($( $group:literal { $( $(#[doc = $about:literal])+ $name:ident: $type:ty = $declared:expr; )+ } )+) => {
        /// The settings in force, each checked.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $($( $(#[doc = $about])+ pub $name: $type, )+)+
        }

        /// Every setting, in the order of the reference page.
        #[must_use]
        pub fn all() -> &'static [Setting] {
            static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| vec![
                $($( Setting::new::<$type>(stringify!($name), $group, concat!($($about),+), $declared), )+)+
            ]);
            &ALL
        }

        impl Settings {
            /// The values in force, as typed fields.
            ///
            /// # Errors
            /// What does not fit together.
            pub fn from_layers(layers: &Layers) -> Result<Self, Failure> {
                let settings = Self { $($( $name: field(layers, stringify!($name))?, )+)+ };
                settings.fit_together().map(|()| settings)
            }
        }
    };
}

settings! {
    "Where it is" {
        /// The data folder; made at the first start, for its owner alone.
        data: PathBuf = text("DIR").default("./vetd-data").common();
        /// The address and port to listen on; port 0 takes a free one and prints it.
        listen: SocketAddr = text("ADDR").default("127.0.0.1:8080");
        /// The local socket of the operator's commands, for the server's own user and root; about 100 bytes at most.
        admin_socket: Option<PathBuf> = text("PATH").otherwise("admin.sock in the data folder").common();
        /// The base of every link. The `Host` header never is.
        public_url: Option<PublicUrl> = text("URL").otherwise("http:// and the listen address");
        /// Who can try `/demo`, and so make test sessions without a key: on this machine alone, if vetd listens on loopback and its links lead there (auto), everyone who reaches the server (on), or nobody (off).
        demo: DemoChoice = text("WHO").default("auto");
    }
    "Secrets" {
        /// The root of all keys: 32 bytes as base64 or hexadecimal.
        master_key: Option<Secret> = text("KEY").otherwise("the file master.key in the data folder");
        /// A file that holds the master key, such as a systemd credential; in place of `VETD_MASTER_KEY`.
        master_key_file: Option<PathBuf> = text("FILE").otherwise("none");
        /// A test API key (ak_test_ and 24 to 64 letters or digits) to take over instead of making and printing one.
        bootstrap_test_key: Option<Secret> = text("KEY").otherwise("none");
        /// A file that holds that test API key; in place of `VETD_BOOTSTRAP_TEST_KEY`.
        bootstrap_test_key_file: Option<PathBuf> = text("FILE").otherwise("none");
    }
    "Pictures" {
        /// Where pictures are kept, sealed: a folder, or a bucket and a place in it, such as s3://pictures/vetd.
        media: Option<MediaPlace> = text("PLACE").otherwise("media in the data folder");
        /// The server of the bucket, over https (or http on loopback): MinIO, R2 or another that speaks S3.
        media_endpoint: Option<BucketEndpoint> = text("URL").otherwise("Amazon S3 of the region");
        /// The region of the bucket; auto for R2.
        media_region: Option<String> = text("REGION").otherwise("us-east-1");
        /// The access key that reads, writes, lists and deletes in the bucket: its identifier.
        media_access_key_id: Option<String> = text("ID").otherwise("none; a bucket needs one");
        /// The access key's secret.
        media_secret_access_key: Option<Secret> = text("KEY").otherwise("none; a bucket needs one");
        /// A file that holds that secret, such as a systemd credential; in place of `VETD_MEDIA_SECRET_ACCESS_KEY`.
        media_secret_access_key_file: Option<PathBuf> = text("FILE").otherwise("none");
    }
    "Logs" {
        /// What to log: a level, or levels by module, such as info,vetd=debug.
        log: LogFilter = text("FILTER").default("info");
        /// How log lines look; they go to standard error.
        log_format: LogFormat = text("FORMAT").default("text");
    }
    "Metrics and traces" {
        /// An address of its own for `/metrics`, which is then served there alone.
        metrics_listen: Option<SocketAddr> = text("ADDR").otherwise("/metrics is served on the listen address");
        /// The OpenTelemetry collector that traces are sent to: OTLP over HTTP, to /v1/traces under this address.
        otlp_endpoint: Option<CollectorUrl> = text("URL").otherwise("no traces");
        /// The share of requests that is traced, 0 to 1; a caller that traces decides for its own requests.
        trace_sample: Share = text("SHARE").default("1");
        /// What the server calls itself in traces.
        service_name: String = text("NAME").default("vetd");
    }
    "Limits" {
        /// The most connections at a time; more wait in the system's queue.
        connections: usize = number("CONNECTIONS", 1..=1_000_000).default("4096");
        /// The most requests under way at once; the next one is answered 503 and told to come back.
        requests: usize = number("REQUESTS", 1..=1_000_000).default("4096");
        /// How long a client may take to send a request's head.
        head_timeout: Duration = number("SECONDS", 1..=3600).default("10");
        /// How long a connection is kept between two requests; longer than a proxy in front keeps it.
        idle_timeout: Duration = number("SECONDS", 1..=3600).default("75");
        /// How long a request's body may take to arrive.
        body_timeout: Duration = number("SECONDS", 1..=3600).default("30");
        /// How long a request may take in all; then it is answered 503, while a change goes on to its end.
        request_timeout: Duration = number("SECONDS", 1..=3600).default("60");
        /// The largest body under `/v1`.
        v1_body_limit: Kibibytes = number("KIB", 64..=65_536).default("512");
        /// The largest body under `/iframe/api`.
        iframe_body_limit: Kibibytes = number("KIB", 16..=65_536).default("128");
        /// How often one API key may read, such as 50/s, 600/m or 1000/h: so many times at once, and as often as that lasts.
        rate_limit_read: Option<Rate> = text("RATE").otherwise("no limit");
        /// How often one API key may change something.
        rate_limit_write: Option<Rate> = text("RATE").otherwise("no limit");
        /// How often one API key may create a session; without it, creations count as changes.
        rate_limit_create: Option<Rate> = text("RATE").otherwise("no limit of its own");
        /// How often the page of one session may call.
        rate_limit_iframe: Option<Rate> = text("RATE").otherwise("no limit");
        /// How long requests and checks may take to finish when vetd is told to end.
        shutdown_grace: Duration = number("SECONDS", 0..=3600).default("20");
    }
    "Webhooks" {
        /// Addresses that webhooks may go to though they are not public, in both modes: ranges and single addresses, such as 10.0.0.0/8,192.168.1.20.
        webhook_allow: Ranges = text("RANGES").otherwise("public addresses alone");
    }
    "Checks" {
        /// The certificates that the chips of documents are trusted by (CSCA), and their revocation lists: a file, or a folder of them, in DER or PEM; read at the start.
        chip_trust: Option<PathBuf> = text("PATH").otherwise("none, so that no chip is authentic");
        /// How old a list that people are looked for on may be before results and `vetd watchlist list` call it stale.
        watchlist_max_age: Days = number("DAYS", 1..=3650).default("30");
    }
    "Disk, memory and processors" {
        /// How long events can be read: listed, streamed and delivered; older ones are deleted.
        event_retention: Days = number("DAYS", 1..=3650).default("30");
        /// How long the audit log can be read; older entries are deleted.
        audit_retention: Days = number("DAYS", 1..=3650).default("730");
        /// The disk space that vetd leaves free; below it, writes are answered 503.
        disk_reserve: Mebibytes = number("MIB", 0..=1 << 30).default("256");
        /// The store's page cache.
        cache: Mebibytes = number("MIB", 8..=1 << 20).default("64");
        /// The most idle sessions kept in memory; the others are read again when they are needed.
        resident: usize = number("SESSIONS", 0..=100_000_000).default("10000");
        /// The most checks that run at once.
        check_threads: Option<usize> = number("THREADS", 1..=1024).otherwise("one for each processor");
    }
    "For tests" {
        /// Shifts the clock. Refused unless vetd listens on a loopback address.
        clock_offset: i64 = number("SECONDS", -1_000_000_000..=1_000_000_000).default("0").hidden();
    }
}

/// The most bytes of a file that holds a secret.
const SECRET_BYTES: u64 = 4096;

impl Settings {
    /// The base of every link, given the address that is really listened on.
    #[must_use]
    pub fn public_url(&self, listening: SocketAddr) -> String {
        self.public_url.as_ref().map_or_else(|| format!("http://{listening}"), |url| url.as_str().to_owned())
    }

    /// Who can try the demo, given the address that is really listened on.
    #[must_use]
    pub fn demo(&self, listening: SocketAddr) -> Demo {
        let leads_here = self.public_url.as_ref().is_none_or(PublicUrl::is_loopback);
        match self.demo {
            DemoChoice::On => Demo::Everyone,
            DemoChoice::Auto if listening.ip().is_loopback() && leads_here => Demo::Loopback,
            DemoChoice::Auto | DemoChoice::Off => Demo::Off,
        }
    }

    /// Where webhooks may go, given the address that is really listened on.
    #[must_use]
    pub fn webhook_targets(&self, listening: SocketAddr) -> WebhookTargets {
        WebhookTargets::new(self.webhook_allow.clone(), listening.ip().is_loopback())
    }

    /// Where the operator's commands reach the server.
    #[must_use]
    pub fn admin_socket_path(&self) -> PathBuf {
        self.admin_socket.clone().unwrap_or_else(|| self.data.join(admin::FILE))
    }

    /// Where traces go, if they are asked for.
    #[must_use]
    pub fn traces(&self) -> Option<TraceSettings> {
        let endpoint = self.otlp_endpoint.clone()?;
        Some(TraceSettings { endpoint, sample: self.trace_sample.get(), service_name: self.service_name.clone() })
    }

    /// The master key, from the environment or its file. Read only when it is needed: not everyone
    /// who may speak to the server may read it.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn master_key(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        secret_of(self.master_key.as_ref(), self.master_key_file.as_deref(), "master_key_file")
    }

    /// The test API key to take over, from the environment or its file.
    ///
    /// # Errors
    /// If the file cannot be read or does not hold such a key.
    pub fn bootstrap_test_key(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let (given, file) = (self.bootstrap_test_key.as_ref(), self.bootstrap_test_key_file.as_deref());
        let key = secret_of(given, file, "bootstrap_test_key_file")?;
        if key.as_ref().is_some_and(|key| !is_test_key(key)) {
            let place = file.map_or("VETD_BOOTSTRAP_TEST_KEY".to_owned(), |file| file.display().to_string());
            let message = format!("{place} must hold ak_test_ followed by 24 to 64 letters or digits");
            return Err(Failure::configuration(message));
        }
        Ok(key)
    }

    fn fit_together(&self) -> Result<(), Failure> {
        let twice = |secret: &Option<Secret>, file: &Option<PathBuf>, name: &str| {
            let both = secret.is_some() && file.is_some();
            both.then(|| format!("VETD_{} and {name}_file are both set; unset one of them", name.to_uppercase()))
        };
        let shifted = (self.clock_offset != 0 && !self.listen.ip().is_loopback()).then(|| {
            let listen = self.listen;
            format!(
                "clock_offset moves the clock for tests and is allowed only on a loopback address, but vetd would \
                 listen on {listen}; unset VETD_CLOCK_OFFSET, or listen on 127.0.0.1"
            )
        });
        let wrong = twice(&self.master_key, &self.master_key_file, "master_key")
            .or_else(|| twice(&self.bootstrap_test_key, &self.bootstrap_test_key_file, "bootstrap_test_key"))
            .or_else(|| {
                twice(&self.media_secret_access_key, &self.media_secret_access_key_file, "media_secret_access_key")
            })
            .or_else(|| self.media_contradiction())
            .or(shifted);
        wrong.map_or(Ok(()), |wrong| Err(Failure::configuration(wrong)))
    }
}

/// The value in force of one setting; the layers have checked it.
fn field<V: Value>(layers: &Layers, name: &str) -> Result<V, Failure> {
    let value = match layers.text(name) {
        Some(text) => V::parse(text),
        None => V::absent().ok_or_else(|| "it has no default".to_owned()),
    };
    value.map_err(|error| Failure::configuration(format!("{name}: {error}")))
}

pub(super) fn secret_of(
    given: Option<&Secret>,
    file: Option<&Path>,
    name: &str,
) -> Result<Option<Zeroizing<String>>, Failure> {
    let wrong = |path: &Path, why: &str| Failure::configuration(format!("{name}: {} {why}", path.display()));
    match (given, file) {
        (Some(secret), _) => Ok(Some(secret.reveal().clone())),
        (None, Some(path)) => {
            let text = read_limited(path, SECRET_BYTES).map(Zeroizing::new);
            let text = text.map_err(|error| wrong(path, &format!("cannot be read: {error}")))?;
            let text = Zeroizing::new(text.trim().to_owned());
            if text.is_empty() { Err(wrong(path, "is empty")) } else { Ok(Some(text)) }
        }
        (None, None) => Ok(None),
    }
}

fn is_test_key(key: &str) -> bool {
    key.strip_prefix("ak_test_").is_some_and(|letters| {
        (24..=64).contains(&letters.len()) && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}
