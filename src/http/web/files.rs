//! The files under `web/`, packed once. A release holds them; a debug build reads the folder again at
//! each request, so that a changed page needs no build.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use parking_lot::Mutex;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::super::file::{File, content_type};

#[derive(Embed)]
#[folder = "web/iframe"]
struct Page;

#[derive(Embed)]
#[folder = "web/embed"]
struct Embedding;

#[derive(Embed)]
#[folder = "web/demo"]
struct Demo;

/// All of them, as they are now.
#[derive(Default)]
pub(in crate::http) struct Site(Mutex<Option<Arc<Files>>>);

impl Site {
    /// The files. In a debug build they are those in the folder.
    pub(in crate::http) fn files(&self) -> Arc<Files> {
        let mut known = self.0.lock();
        if let Some(files) = known.as_ref().filter(|files| !cfg!(debug_assertions) || files.version == version()) {
            return Arc::clone(files);
        }
        let files = Arc::new(Files::read());
        *known = Some(Arc::clone(&files));
        files
    }
}

/// One version of the files.
pub(in crate::http) struct Files {
    /// Names the page's files, all together, by their content.
    pub(super) version: String,
    page: BTreeMap<String, File>,
    embedding: BTreeMap<String, File>,
    demo: BTreeMap<String, File>,
}

impl Files {
    fn read() -> Self {
        Self { version: version(), page: packed::<Page>(), embedding: packed::<Embedding>(), demo: packed::<Demo>() }
    }

    /// What the page loads. Its own text has an address of its own.
    pub(super) fn asset(&self, path: &str) -> Option<&File> {
        (!is_template(path)).then(|| self.page.get(path)).flatten()
    }

    /// A template of the page, with what is known of it for as long as this version lasts.
    pub(super) fn template(&self, name: &str) -> String {
        let text = self.page.get(name).map(File::bytes);
        let text = text.map_or_else(String::new, |bytes| String::from_utf8_lossy(bytes).into_owned());
        text.replace("{{modulepreload}}", &self.preloads()).replace("{{assets}}", &self.base())
    }

    /// What the embedder's page loads.
    pub(super) fn embed(&self, name: &str) -> Option<&File> {
        self.embedding.get(name)
    }

    /// What the demo consists of.
    pub(super) fn demo(&self, name: &str) -> Option<&File> {
        self.demo.get(name)
    }

    /// Where the page's files are, seen from the page.
    fn base(&self) -> String {
        format!("iframe/assets/{}", self.version)
    }

    /// Modules import one another; named at once, they are fetched at once. Those in folders wait until
    /// the page asks for them.
    fn preloads(&self) -> String {
        let modules = self.page.keys().filter(|name| name.ends_with(".js") && !name.contains('/'));
        let links = modules
            .map(|name| format!("<link rel=\"modulepreload\" nonce=\"{{{{nonce}}}}\" href=\"{{{{assets}}}}/{name}\">"));
        links.collect::<Vec<_>>().join("\n")
    }
}

fn is_template(name: &str) -> bool {
    name.ends_with(".html")
}

fn packed<T: Embed>() -> BTreeMap<String, File> {
    let all = contents::<T>().map(|(name, bytes)| {
        let file = if is_template(&name) { File::plain } else { File::packed };
        let file = file(bytes, content_type(&name));
        (name, file)
    });
    all.collect()
}

fn contents<T: Embed>() -> impl Iterator<Item = (String, Bytes)> {
    T::iter().filter_map(|name| T::get(&name).map(|file| (name.into_owned(), Bytes::from(file.data.into_owned()))))
}

/// The first 16 digits of a hash over names and contents.
fn version() -> String {
    let parts = contents::<Page>().chain(contents::<Embedding>()).chain(contents::<Demo>());
    let mut parts: Vec<(String, Bytes)> = parts.collect();
    parts.sort();
    let mut hash = Sha256::new();
    for (name, bytes) in parts {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
        hash.update(Sha256::digest(&bytes));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_is_read_once_and_named_by_its_content() {
        let site = Site::default();
        let (first, second) = (site.files(), site.files());
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.version.len(), 16);
        assert!(first.asset("app.js").is_some() && first.asset("index.html").is_none());
    }

    #[test]
    fn templates_know_their_files() {
        let page = Site::default().files().template("index.html");
        assert!(!page.contains("{{assets}}") && !page.contains("{{modulepreload}}"), "{page}");
        assert!(page.contains("{{nonce}}"));
        assert!(page.contains("/app.js\"") && !page.contains("/steps/"), "{page}");
    }
}
