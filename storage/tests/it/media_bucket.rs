//! Pictures in a bucket of an S3 server that is not ours. `tests/s3.sh` starts one and runs these.

use std::collections::BTreeSet;
use std::env;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use vetd_model::Timestamp;
use vetd_storage::media::{BucketLocation, MediaError, MediaLocation, MediaStore, OBJECT_LIMIT};
use zeroize::Zeroizing;

use crate::media_folder::{name, names};
use crate::support::{OTHER, REALM};

const EVER: Timestamp = Timestamp::from_seconds(10_000_000_000);

fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run tests/s3.sh"))
}

/// A place in the server's bucket that no other test writes to.
fn location(prefix: &str) -> BucketLocation {
    let bucket = setting("VETD_TEST_S3_BUCKET");
    BucketLocation {
        place: format!("s3://{bucket}{prefix}").parse().unwrap(),
        endpoint: Some(setting("VETD_TEST_S3_ENDPOINT").parse().unwrap()),
        region: "us-east-1".to_owned(),
        access_key_id: setting("VETD_TEST_S3_ACCESS_KEY_ID"),
        secret_access_key: Zeroizing::new(setting("VETD_TEST_S3_SECRET_ACCESS_KEY")),
    }
}

/// A server's address in place of that of `tests/s3.sh`.
fn location_at(address: &str) -> BucketLocation {
    BucketLocation {
        place: "s3://pictures".parse().unwrap(),
        endpoint: Some(address.parse().unwrap()),
        region: "us-east-1".to_owned(),
        access_key_id: "id".to_owned(),
        secret_access_key: Zeroizing::new("secret".to_owned()),
    }
}

fn open(location: BucketLocation) -> MediaStore {
    MediaStore::open(MediaLocation::Bucket(location)).unwrap()
}

fn why<T: std::fmt::Debug>(result: Result<T, MediaError>) -> String {
    match result {
        Err(MediaError::Unavailable(why)) => why,
        other => panic!("{other:?} is not what an S3 server that fails leads to"),
    }
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn what_is_put_is_there_until_it_is_deleted() {
    let store = open(location("/one/deep"));
    store.probe().await.unwrap();
    let name = name(REALM, 1, 1);
    assert_eq!(store.get(&name).await.unwrap(), None);
    store.put(&name, Bytes::from_static(b"first")).await.unwrap();
    store.put(&name, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "second");
    assert_eq!(open(location("/elsewhere")).get(&name).await.unwrap(), None, "another prefix is another place");
    store.delete(&name).await.unwrap();
    assert_eq!(store.get(&name).await.unwrap(), None);
    store.delete(&name).await.unwrap();
    let large = Bytes::from(vec![7; OBJECT_LIMIT]);
    store.put(&name, large.clone()).await.unwrap();
    assert!(store.get(&name).await.unwrap().unwrap() == large);
    store.delete(&name).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn a_list_has_what_is_old_and_nothing_that_is_not_ours() {
    let store = open(location("/listed"));
    let kept = [name(REALM, 1, 1), name(REALM, 1, 2), name(OTHER, 2, 3)];
    for name in &kept {
        store.put(name, Bytes::from_static(b"12345")).await.unwrap();
    }
    // Names of another place are none of this one: they begin one level further down.
    open(location("/listed/inside")).put(&kept[0], Bytes::from_static(b"x")).await.unwrap();
    assert_eq!(names(&store, EVER).await, BTreeSet::from(kept));
    let now = Timestamp::default().after(SystemTime::UNIX_EPOCH.elapsed().unwrap());
    assert_eq!(names(&store, now.before(Duration::from_secs(600))).await, BTreeSet::new());
    assert_eq!(names(&store, now.after(Duration::from_secs(600))).await, BTreeSet::from(kept));
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn what_a_probe_leaves_that_was_cut_short_is_cleared_once_it_is_old() {
    let (store, drafts, name) = (open(location("/left")), open(location("/left/drafts")), name(REALM, 1, 1));
    store.put(&name, Bytes::from_static(b"kept")).await.unwrap();
    drafts.put(&name, Bytes::from_static(b"left")).await.unwrap();
    assert_eq!(names(&store, EVER).await, BTreeSet::from([name]));
    store.clear_drafts(Timestamp::from_seconds(1)).await.unwrap();
    assert!(drafts.get(&name).await.unwrap().is_some(), "it is young");
    store.clear_drafts(EVER).await.unwrap();
    assert_eq!(drafts.get(&name).await.unwrap(), None);
    assert_eq!(store.get(&name).await.unwrap().unwrap(), "kept");
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn many_pages_are_one_list() {
    let store = open(location("/pages"));
    // A page of the protocol has a thousand names.
    let mut put = Vec::new();
    for session in 0..21 {
        for media in 0..50 {
            put.push(name(REALM, session, media));
        }
    }
    for some in put.chunks(50) {
        futures::future::try_join_all(some.iter().map(|name| store.put(name, Bytes::from_static(b"x")))).await.unwrap();
    }
    assert_eq!(names(&store, EVER).await, put.into_iter().collect());
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn who_signs_with_another_key_is_refused_and_told_so() {
    let mut wrong = location("/refused");
    wrong.secret_access_key = Zeroizing::new("another".to_owned());
    let store = open(wrong);
    let name = name(REALM, 1, 1);
    for said in [
        why(store.probe().await),
        why(store.put(&name, Bytes::from_static(b"x")).await),
        why(store.get(&name).await),
        why(store.delete(&name).await),
    ] {
        assert_eq!(said, "the bucket refuses the access key");
    }
}

#[tokio::test]
#[ignore = "needs the S3 server of tests/s3.sh"]
async fn an_absent_bucket_is_not_taken_for_absent_pictures() {
    let absent = BucketLocation { place: "s3://no-such-bucket".parse().unwrap(), ..location("") };
    let store = open(absent);
    let name = name(REALM, 1, 1);
    for said in [
        why(store.probe().await),
        why(store.put(&name, Bytes::from_static(b"x")).await),
        why(store.get(&name).await),
        why(store.delete(&name).await),
    ] {
        assert_eq!(said, "there is no such bucket");
    }
}

#[tokio::test]
#[ignore = "takes as long as a call may take; tests/s3.sh runs it"]
async fn a_server_that_does_not_answer_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    let store = open(location_at(&address));
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    why(store.put(&name(REALM, 1, 1), Bytes::from_static(b"x")).await);
    let took = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
    assert!(took < Duration::from_secs(15), "{took:?}");
    server.abort();
}

#[tokio::test]
#[ignore = "takes as long as a call may take; tests/s3.sh runs it"]
async fn a_server_that_fails_is_tried_again_and_then_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut asked = 0;
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = connection.read(&mut head).await;
            asked += 1;
            // The third try goes well.
            let answer = if asked % 3 == 0 { "200 OK\r\netag: \"x\"" } else { "503 Slow Down" };
            let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    open(location_at(&address)).put(&name(REALM, 1, 1), Bytes::from_static(b"x")).await.unwrap();
    server.abort();
    let _ = server.await;
    // And now there is no server at all.
    let begun = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    why(open(location_at(&address)).put(&name(REALM, 1, 1), Bytes::from_static(b"x")).await);
    let took = SystemTime::UNIX_EPOCH.elapsed().unwrap() - begun;
    assert!(took < Duration::from_secs(15), "{took:?}");
}
