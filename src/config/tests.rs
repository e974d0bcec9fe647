//! Which value is in force, and what is said about values that cannot be.

use std::fs;
use std::path::Path;

use clap::Parser;
use vetd_storage::media::{BucketLocation, MediaLocation};

use super::*;
use crate::failure::Kind;
use crate::http::Demo;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: ServeFlags,
}

fn flags(line: &[&str]) -> Flags {
    Line::parse_from(["vetd"].iter().chain(line)).flags.0
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::of(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())))
}

fn layers(line: &[&str], variables: &[(&str, &str)]) -> Result<Layers, Failure> {
    Layers::gather(&flags(line), &environment(variables))
}

fn settings(line: &[&str], variables: &[(&str, &str)]) -> Result<Settings, Failure> {
    Settings::from_layers(&layers(line, variables)?)
}

/// What is said about a configuration that cannot be used.
fn refused(line: &[&str], variables: &[(&str, &str)]) -> String {
    let failure = settings(line, variables).expect_err("a configuration that cannot be used");
    assert_eq!(failure.kind, Kind::Configuration);
    failure.message
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

/// A configuration file in a folder of its own.
struct Written(tempfile::TempDir);

impl Written {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("vetd.toml"), text).unwrap();
        Self(dir)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn path(&self) -> String {
        self.folder().join("vetd.toml").to_str().unwrap().to_owned()
    }
}

/// What is said about a file that cannot be used.
fn refused_file(text: &str) -> String {
    let file = Written::new(text);
    refused(&["--config", &file.path()], &[])
}

#[test]
fn every_setting_is_declared_soundly() {
    for setting in all() {
        assert!(setting.about.ends_with('.'), "{} needs a sentence", setting.name);
        assert!(!setting.placeholder.is_empty() || setting.shape == Shape::Switch, "{}", setting.name);
        assert_eq!(setting.shape == Shape::Number, setting.range.is_some(), "{} and its range", setting.name);
        match setting.default {
            Some(default) => assert_eq!(setting.check(default), Ok(()), "the default of {}", setting.name),
            None => assert!(!setting.otherwise.is_empty(), "{} does not say what happens without it", setting.name),
        }
    }
    // Each field without a default can be without a value.
    settings(&[], &[]).unwrap();
}

#[test]
fn a_flag_wins_over_a_variable_over_the_file_over_the_default() {
    let file = Written::new("# sizes\ncache = 100\nresident = 5\n\nconnections = 7\n");
    let variables = [("VETD_CONFIG", &*file.path()), ("VETD_CACHE", "200"), ("VETD_RESIDENT", "6")];
    let layers = layers(&["--cache", "300"], &variables).unwrap();
    let found = |name: &str| {
        let value = layers.values.iter().find(|value| value.setting.name == name).unwrap();
        (value.text.clone().unwrap(), value.origin.to_string())
    };
    assert_eq!(found("cache"), ("300".to_owned(), "--cache".to_owned()));
    assert_eq!(found("resident"), ("6".to_owned(), "VETD_RESIDENT".to_owned()));
    assert_eq!(found("connections"), ("7".to_owned(), format!("{}, line 5", file.path())));
    assert_eq!(found("disk_reserve"), ("256".to_owned(), "default".to_owned()));
    let settings = Settings::from_layers(&layers).unwrap();
    assert_eq!((settings.cache.bytes(), settings.resident, settings.connections), (300 << 20, 6, 7));
}

#[test]
fn the_flag_names_the_file_before_the_variable_does() {
    let (one, other) = (Written::new("resident = 1"), Written::new("resident = 2"));
    let settings = settings(&["--config", &one.path()], &[("VETD_CONFIG", &other.path())]).unwrap();
    assert_eq!(settings.resident, 1);
}

#[test]
fn a_wrong_value_names_the_setting_its_origin_and_what_it_takes() {
    let range = "a whole number from 8 to 1048576 (MiB)";
    assert_says(&refused(&["--cache", "4"], &[]), &["cache (--cache)", "\"4\"", range]);
    assert_says(&refused(&[], &[("VETD_CACHE", "many")]), &["cache (VETD_CACHE)", "\"many\"", range]);
    assert_says(&refused_file("data = \"x\"\ncache = 4\n"), &["cache (", "vetd.toml, line 2)", "\"4\"", range]);
    assert_says(&refused_file("cache = \"64\""), &["line 1", range, "without quotes"]);
    assert_says(&refused_file("log = 5"), &["log (", "line 1", "quotes"]);
    assert_says(&refused(&["--listen", "8080"], &[]), &["listen (--listen)", "such as 127.0.0.1:8080"]);
    assert_says(&refused(&["--log-format", "xml"], &[]), &["log_format", "text or json"]);
    assert_says(&refused(&["--log", "vetd=loud"], &[]), &["log (--log)", "examples: info"]);
    assert_says(&refused(&["--public-url", "ftp://x"], &[]), &["public_url (--public-url)", "such as https://"]);
    assert_says(&refused(&["--data", ""], &[]), &["data (--data)", "the name of a file or folder"]);
}

#[test]
fn a_list_stands_between_commas_and_in_the_file_in_brackets() {
    let allow = |settings: Settings| settings.webhook_allow;
    let expected = "10.0.0.0/8,fd00::/8".parse().unwrap();
    assert_eq!(allow(settings(&["--webhook-allow", "10.0.0.0/8, fd00::/8"], &[]).unwrap()), expected);
    assert_eq!(allow(settings(&[], &[("VETD_WEBHOOK_ALLOW", "10.0.0.0/8,fd00::/8")]).unwrap()), expected);
    let file = Written::new("webhook_allow = [\"10.0.0.0/8\", \"fd00::/8\"]");
    assert_eq!(allow(settings(&["--config", &file.path()], &[]).unwrap()), expected);
    for none in [Written::new("webhook_allow = []"), Written::new("")] {
        assert_eq!(allow(settings(&["--config", &none.path()], &[]).unwrap()), "".parse().unwrap());
    }
    let said = refused(&["--webhook-allow", "10.0.0.0/8,lan"], &[]);
    assert_says(&said, &["webhook_allow (--webhook-allow)", "\"lan\" is no range", "such as 10.0.0.0/8"]);
    assert_says(&refused(&[], &[("VETD_WEBHOOK_ALLOW", "10.1.2.3/8")]), &["(VETD_WEBHOOK_ALLOW)", "10.0.0.0/8"]);
    assert_says(&refused_file("\nwebhook_allow = [\"x\"]"), &["webhook_allow (", "line 2", "\"x\" is no range"]);
    assert_says(&refused_file("webhook_allow = \"10.0.0.0/8\""), &["line 1", "a list of texts"]);
    assert_says(&refused_file("webhook_allow = [10]"), &["line 1", "in quotes"]);
}

#[test]
fn only_a_value_in_force_must_be_right() {
    assert!(settings(&["--cache", "64"], &[("VETD_CACHE", "4")]).is_ok());
}

#[test]
fn unknown_names_are_errors_that_know_the_nearest_one() {
    let said = refused_file("\ndata = \"x\"\ndisk-reserv = 5\n");
    assert_says(&said, &["vetd.toml, line 3", "disk-reserv;", "did you mean disk_reserve?"]);
    assert_says(&refused_file("[server]\nlisten = \"x\""), &["line 1", "server"]);
    let said = refused(&[], &[("VETD_LISTN", "127.0.0.1:1")]);
    assert_says(&said, &["VETD_LISTN", "did you mean VETD_LISTEN?"]);
    let said = refused(&[], &[("VETD_ZZZZZZZZ", "1")]);
    assert!(!said.contains("did you mean") && said.contains("VETD_ZZZZZZZZ"), "{said}");
}

#[test]
fn variables_of_others_and_empty_ones_are_left_alone() {
    let others = ["VETD_API_KEY", "VETD_URL", "VETD_WEBHOOK_SECRET", "VETD_LOAD_SERVER", "VETD_TEST_SEED"];
    let kubernetes = ["VETD_PORT", "VETD_PORT_8080_TCP_ADDR", "VETD_SERVICE_HOST", "VETD_SERVICE_PORT_HTTP"];
    let variables: Vec<_> = others.iter().chain(&kubernetes).map(|name| (*name, "x")).collect();
    assert!(settings(&[], &variables).is_ok());
    assert_eq!(settings(&[], &[("VETD_CACHE", ""), ("VETD_LISTN", "")]).unwrap().cache.bytes(), 64 << 20);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let said = refused(&["--cache", "4"], &[("VETD_LISTN", "x"), ("VETD_RESIDENT", "-1")]);
    assert_says(&said, &["VETD_LISTN", "cache (--cache)", "resident (VETD_RESIDENT)"]);
    assert_eq!(said.lines().count(), 4, "{said}");
}

#[test]
fn what_is_repeated_cannot_act_on_the_terminal() {
    assert_says(&refused(&["--listen", "\u{1b}[2J\n"], &[]), &["?[2J?"]);
}

#[test]
fn a_file_that_is_named_must_be_there_and_readable() {
    let file = Written::new("cache = 64\ncache = 65\n");
    assert_says(&refused(&["--config", &file.path()], &[]), &["vetd.toml, line 2", "not TOML", "duplicate"]);
    let absent = file.folder().join("absent.toml");
    let absent = absent.to_str().unwrap();
    assert_says(&refused(&["--config", absent], &[]), &["absent.toml", "--config", "cannot be read"]);
    assert_says(&refused(&[], &[("VETD_CONFIG", absent)]), &["absent.toml", "VETD_CONFIG", "cannot be read"]);
    let folder = file.folder().to_str().unwrap();
    assert_says(&refused(&["--config", folder], &[]), &["cannot be read"]);
    fs::write(file.path(), vec![b'#'; 2 << 20]).unwrap();
    assert_says(&refused(&["--config", &file.path()], &[]), &["larger than"]);
}

#[test]
fn a_path_in_the_file_is_relative_to_the_file() {
    let file = Written::new("data = \"store\"\nmaster_key_file = \"/run/key\"");
    let settings = settings(&["--config", &file.path()], &[]).unwrap();
    assert_eq!(settings.data, file.folder().join("store"));
    assert_eq!(settings.master_key_file.as_deref(), Some(Path::new("/run/key")));
}

#[test]
fn secrets_come_from_the_environment_or_a_file_of_their_own() {
    let line = ["vetd", "--master-key", "x"];
    assert!(Line::try_parse_from(line).is_err());
    let said = refused_file("master_key = \"5a5a\"");
    assert_says(&said, &["master_key", "VETD_MASTER_KEY", "master_key_file"]);
    assert!(!said.contains("5a5a"), "{said}");

    let key = |settings: Settings| settings.master_key().unwrap().map(|key| key.to_string());
    assert_eq!(key(settings(&[], &[]).unwrap()), None);
    assert_eq!(key(settings(&[], &[("VETD_MASTER_KEY", " 5a5a ")]).unwrap()).as_deref(), Some("5a5a"));
    let file = Written::new("6b6b\n");
    let from_file = settings(&["--master-key-file", &file.path()], &[]).unwrap();
    assert_eq!(key(from_file).as_deref(), Some("6b6b"));
    let both = [("VETD_MASTER_KEY", "5a5a"), ("VETD_MASTER_KEY_FILE", "x")];
    assert_says(&refused(&[], &both), &["VETD_MASTER_KEY and master_key_file are both set"]);
    for (content, said) in [(&b" \n"[..], "is empty"), (&[b'a'; 5000], "larger than"), (b"\xff", "UTF-8")] {
        fs::write(file.path(), content).unwrap();
        let wrong = settings(&["--master-key-file", &file.path()], &[]).unwrap().master_key().unwrap_err();
        assert_says(&wrong.message, &["master_key_file", said]);
    }
}

/// A bucket with all that it needs.
const BUCKET: [(&str, &str); 3] = [
    ("VETD_MEDIA", "s3://pictures/vetd"),
    ("VETD_MEDIA_ACCESS_KEY_ID", "id"),
    ("VETD_MEDIA_SECRET_ACCESS_KEY", "hidden"),
];

fn bucket(settings: &Settings) -> BucketLocation {
    match settings.media_location().unwrap() {
        MediaLocation::Bucket(bucket) => bucket,
        MediaLocation::Folder { path, .. } => panic!("{} is no bucket", path.display()),
    }
}

#[test]
fn pictures_are_kept_in_a_folder_or_a_bucket() {
    let folder = |settings: Settings| match settings.media_location().unwrap() {
        MediaLocation::Folder { path, reserve_bytes } => (path, reserve_bytes),
        MediaLocation::Bucket(bucket) => panic!("{bucket:?} is no folder"),
    };
    let line = ["--data", "/srv/vetd", "--disk-reserve", "1"];
    assert_eq!(folder(settings(&line, &[]).unwrap()), (Path::new("/srv/vetd/media").into(), 1 << 20));
    let file = Written::new("media = \"pictures\"");
    assert_eq!(folder(settings(&["--config", &file.path()], &[]).unwrap()).0, file.folder().join("pictures"));

    let of_amazon = bucket(&settings(&[], &BUCKET).unwrap());
    assert_eq!(
        (of_amazon.place.to_string(), of_amazon.region),
        ("s3://pictures/vetd".to_owned(), "us-east-1".to_owned())
    );
    assert_eq!((of_amazon.endpoint, of_amazon.access_key_id.as_str()), (None, "id"));
    assert_eq!(of_amazon.secret_access_key.as_str(), "hidden");
    let text = "media = \"s3://pictures\"\nmedia_endpoint = \"http://127.0.0.1:9000\"\nmedia_region = \"auto\"";
    let (file, secret) = (Written::new(text), Written::new("whispered\n"));
    let line = ["--config", &file.path(), "--media-access-key-id=id", "--media-secret-access-key-file", &secret.path()];
    let own = bucket(&settings(&line, &[]).unwrap());
    assert_eq!((own.place.to_string().as_str(), own.region.as_str()), ("s3://pictures", "auto"));
    assert_eq!(own.endpoint.unwrap().as_str(), "http://127.0.0.1:9000");
    assert_eq!(own.secret_access_key.as_str(), "whispered");
}

#[test]
fn a_bucket_is_whole_or_refused() {
    assert_says(&refused(&[], &BUCKET[..1]), &["media_access_key_id"]);
    assert_says(&refused(&[], &BUCKET[..2]), &["VETD_MEDIA_SECRET_ACCESS_KEY", "media_secret_access_key_file"]);
    // Settings of a bucket without one: pictures would be kept elsewhere than was meant.
    for (variable, value) in &BUCKET[1..] {
        let said = refused(&[], &[(variable, value)]);
        assert_says(&said, &["set media to the bucket"]);
        assert!(!said.contains("hidden"), "{said}");
    }
    assert_says(&refused(&["--media-endpoint=https://x"], &[]), &["media_endpoint", "set media to the bucket"]);
    assert_says(&refused(&["--media-endpoint=http://minio.example.com"], &BUCKET), &["loopback"]);
    assert_says(&refused(&["--media=gs://pictures"], &[]), &["s3://"]);
    assert_says(&refused_file("media_secret_access_key = \"5a5a\""), &["VETD_MEDIA_SECRET_ACCESS_KEY"]);
    let both = [&BUCKET[..], &[("VETD_MEDIA_SECRET_ACCESS_KEY_FILE", "x")]].concat();
    assert_says(&refused(&[], &both), &["VETD_MEDIA_SECRET_ACCESS_KEY and media_secret_access_key_file are both set"]);
    let absent = [BUCKET[0], BUCKET[1], ("VETD_MEDIA_SECRET_ACCESS_KEY_FILE", "/nowhere/secret")];
    let failure = settings(&[], &absent).unwrap().media_location().unwrap_err();
    assert_says(&failure.message, &["media_secret_access_key_file", "/nowhere/secret"]);
}

#[test]
fn a_bootstrap_key_is_a_test_key() {
    let letters = "a".repeat(24);
    let check = |key: &str| settings(&[], &[("VETD_BOOTSTRAP_TEST_KEY", key)]).unwrap().bootstrap_test_key();
    assert!(check(&format!("ak_test_{letters}")).is_ok());
    for wrong in [&format!("ak_live_{letters}"), "ak_test_short", &format!("ak_test_{letters}-")] {
        let failure = check(wrong).unwrap_err();
        assert_says(&failure.message, &["VETD_BOOTSTRAP_TEST_KEY"]);
        assert!(!failure.message.contains(wrong), "{failure}");
    }
}

#[test]
fn the_clock_is_shifted_only_on_loopback() {
    assert!(settings(&["--clock-offset", "-60"], &[]).is_ok());
    assert!(settings(&["--clock-offset=60", "--listen=[::1]:0"], &[]).is_ok());
    assert_says(&refused(&["--clock-offset=60", "--listen=0.0.0.0:80"], &[]), &["loopback"]);
    assert!(settings(&["--listen=0.0.0.0:80"], &[]).is_ok());
}

#[test]
fn links_begin_with_the_public_url_or_the_listen_address() {
    let listening = "127.0.0.1:4000".parse().unwrap();
    assert_eq!(settings(&[], &[]).unwrap().public_url(listening), "http://127.0.0.1:4000");
    let settings = settings(&["--public-url", "https://id.example.com/kyc/"], &[]).unwrap();
    assert_eq!(settings.public_url(listening), "https://id.example.com/kyc");
}

#[test]
fn the_demo_is_for_this_machine_unless_the_operator_says_otherwise() {
    let who = |flags: &[&str], listening: &str| settings(flags, &[]).unwrap().demo(listening.parse().unwrap());
    assert_eq!(who(&[], "127.0.0.1:8080"), Demo::Loopback);
    assert_eq!(who(&["--public-url", "http://localhost:8080"], "[::1]:8080"), Demo::Loopback);
    // A proxy stands in front.
    assert_eq!(who(&["--public-url", "https://id.example.com"], "127.0.0.1:8080"), Demo::Off);
    assert_eq!(who(&[], "0.0.0.0:8080"), Demo::Off);
    assert_eq!(who(&["--demo", "off"], "127.0.0.1:8080"), Demo::Off);
    assert_eq!(who(&["--demo", "on"], "0.0.0.0:8080"), Demo::Everyone);
    assert_says(&refused(&["--demo", "yes"], &[]), &["auto or on or off"]);
}

#[test]
fn a_switch_is_turned_on_by_its_flag_alone() {
    let setting = Setting::new::<bool>("loud", "Tests", "It is loud.", setting::text("SWITCH").default("false"));
    let command = clap::Command::new("vetd").arg(flags::flag(Box::leak(Box::new(setting))));
    let found = |line: &[&str]| {
        let matches = command.clone().try_get_matches_from(["vetd"].iter().chain(line)).ok()?;
        matches.get_one::<String>("loud").cloned()
    };
    assert_eq!(found(&["--loud"]).as_deref(), Some("true"));
    assert_eq!(found(&["--loud=false"]).as_deref(), Some("false"));
    assert_eq!(found(&[]), None);
}

#[test]
fn parts_that_stand_alone_have_the_same_limits_as_those_that_are_configured() {
    let settings = settings(&[], &[]).unwrap();
    let http = crate::http::HttpSettings::new("http://x");
    assert_eq!(http.v1_body_limit, settings.v1_body_limit.in_memory());
    assert_eq!(http.iframe_body_limit, settings.iframe_body_limit.in_memory());
    assert_eq!((http.body_time, http.max_in_flight), (settings.body_timeout, settings.requests));
    let store = vetd_storage::StoreOptions::new("x");
    assert_eq!((store.cache_bytes, store.reserve_bytes), (settings.cache.bytes(), settings.disk_reserve.bytes()));
}
