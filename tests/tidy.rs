//! The house rules that a compiler does not hold: who depends on whom, what each room never
//! knows, how long a file may be, and that the documentation names everything it must.

#![expect(clippy::panic, reason = "a test fails where it unwraps")]

use std::fs;
use std::path::{Path, PathBuf};

use vetd_model::ErrorCode;

/// The most lines of a source file.
const LINES: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The crates that stand under `[dependencies]` of a room.
fn dependencies(manifest: &str) -> Vec<String> {
    let manifest = read(manifest);
    let section = manifest.split("\n[dependencies]\n").nth(1).expect("a list of dependencies");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

#[test]
fn dependencies_point_one_way() {
    let rooms = [
        ("model/Cargo.toml", &[][..]),
        ("checks/Cargo.toml", &["vetd-model"]),
        ("storage/Cargo.toml", &["vetd-model"]),
        ("actors/Cargo.toml", &["vetd-checks", "vetd-model", "vetd-storage"]),
    ];
    for (manifest, allowed) in rooms {
        let ours: Vec<String> = dependencies(manifest).into_iter().filter(|name| name.starts_with("vetd-")).collect();
        for name in &ours {
            assert!(allowed.contains(&name.as_str()), "{manifest} depends on {name}");
        }
    }
}

#[test]
fn each_room_lacks_what_it_must_not_know() {
    let absences = [
        ("model/Cargo.toml", &["tokio", "rand", "sled", "ractor", "axum", "reqwest", "tracing"][..]),
        ("checks/Cargo.toml", &["tokio", "rand", "sled", "ractor", "axum", "reqwest"]),
        ("storage/Cargo.toml", &["ractor", "axum", "reqwest"]),
        ("actors/Cargo.toml", &["axum", "sled", "hyper"]),
        ("Cargo.toml", &["sled", "ractor", "bincode"]),
    ];
    for (manifest, absent) in absences {
        let present = dependencies(manifest);
        for name in absent {
            assert!(!present.iter().any(|dependency| dependency == name), "{manifest} knows {name}");
        }
    }
}

#[test]
fn bincode_is_named_in_one_module() {
    for path in sources("storage/src") {
        let is_codec = path.ends_with("codec.rs");
        assert!(is_codec || !fs::read_to_string(&path).unwrap().contains("bincode::"), "{}", path.display());
    }
}

#[test]
fn no_source_file_is_too_long_or_silent_about_its_purpose() {
    for folder in ["model", "checks", "storage", "actors", "src", "benches", "tests"] {
        for path in sources(folder) {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().count();
            assert!(lines <= LINES, "{} has {lines} lines; make it two files", path.display());
            assert!(text.starts_with("//!"), "{} does not say what it does", path.display());
        }
    }
}

#[test]
fn every_error_code_is_documented() {
    let page = read("docs/errors.md");
    for code in ErrorCode::ALL {
        assert!(page.contains(&format!("`{code}`")), "docs/errors.md lacks {code}");
    }
}

#[test]
fn every_setting_is_documented() {
    let page = read("docs/configuration.md");
    for setting in vetd::config::all() {
        let variable = &setting.variable;
        assert!(page.contains(&format!("`{variable}`")), "docs/configuration.md lacks {variable}");
    }
    let help = vetd::cli::definition();
    let serve = help.find_subcommand("serve").expect("the command serve");
    for flag in serve.get_arguments().filter_map(clap::Arg::get_long) {
        assert!(page.contains(&format!("`--{flag}")), "docs/configuration.md lacks --{flag}");
    }
}

#[test]
fn the_page_of_the_command_line_is_what_the_program_prints() {
    let page = vetd::cli::reference_page();
    assert_eq!(read("docs/cli.md").trim_end(), page.trim_end(), "cargo run -- reference > docs/cli.md");
}

#[test]
fn every_link_between_the_documents_leads_somewhere() {
    for page in [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "docs/operations.md",
        "docs/errors.md",
        "docs/metrics.md",
        "docs/webhooks.md",
        "docs/iframe.md",
        "docs/page.md",
        "web/README.md",
    ] {
        let text = read(page);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let target = root().join(page).parent().expect("a folder").join(link.split('#').next().unwrap_or(link));
            assert!(target.exists(), "{page} links to {link}");
        }
    }
}
