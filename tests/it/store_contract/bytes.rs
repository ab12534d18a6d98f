//! Bytes and keys: what goes in comes out, a key is never written twice.

use bytes::Bytes;
use framecache::model::bucket::FRAME_MAX_BYTES;
use framecache::store::Put;

use super::{Subject, cam1, contracts, frame, key};

contracts!(
    bytes_come_back_exactly_as_pushed,
    the_biggest_frame_fits,
    an_equal_retry_is_stored_and_listed_once,
    a_taken_key_keeps_its_bytes_and_its_record,
    outcomes_stand_in_the_order_of_the_batch,
);

async fn bytes_come_back_exactly_as_pushed(subject: &Subject) {
    let now = subject.now().await;
    let every_byte: Vec<u8> = (0..=255).cycle().take(5000).collect();
    let payloads: [&[u8]; 4] = [&every_byte, b"\r\n$-1\r\n", b"\0", b"*"];
    let keys: Vec<_> = (1..=4).map(|seq| key(&cam1(), now, seq)).collect();
    let batch: Vec<_> = keys.iter().zip(payloads).map(|(key, b)| frame(key, b, 300)).collect();
    subject.put(&batch).await;

    let absent = key(&cam1(), now, 5);
    let asked = [&keys[2], &absent, &keys[0], &keys[1], &keys[3]].map(Clone::clone);
    let expected = [Some(payloads[2]), None, Some(payloads[0]), Some(payloads[1]), Some(b"*")];
    let fetched = subject.store.fetch(&asked).await.unwrap();
    assert_eq!(fetched, expected.map(|bytes| bytes.map(Bytes::copy_from_slice)));
    let sizes: Vec<_> = subject.store.stat(&asked).await.unwrap();
    let sizes: Vec<_> = sizes.iter().map(|stat| stat.map(|stat| stat.size)).collect();
    assert_eq!(sizes, [Some(1), None, Some(5000), Some(7), Some(1)]);
    assert_eq!(subject.store.fetch(&[]).await.unwrap(), Vec::<Option<Bytes>>::new());
    assert_eq!(subject.store.stat(&[]).await.unwrap(), vec![]);
    assert_eq!(subject.store.put(&[]).await.len(), 0);
}

async fn the_biggest_frame_fits(subject: &Subject) {
    let key = key(&cam1(), subject.now().await, 1);
    let bytes: Vec<u8> = (0..=250).cycle().take(FRAME_MAX_BYTES).collect();
    subject.put(&[frame(&key, &bytes, 300)]).await;
    let fetched = subject.store.fetch(std::slice::from_ref(&key)).await.unwrap();
    assert!(fetched == [Some(Bytes::from(bytes))], "16 MiB less 2 bytes should come back");
    let answer = subject.index(&cam1(), framecache::model::time::TimeRange::ALL).await;
    let sizes: Vec<_> = answer.records.iter().map(|one| one.record.size).collect();
    assert_eq!(sizes, [Some(0xFF_FFFE)]);
}

async fn an_equal_retry_is_stored_and_listed_once(subject: &Subject) {
    let key = key(&cam1(), subject.now().await, 1);
    let batch = [frame(&key, b"jpeg", 300)];
    subject.put(&batch).await;
    for _ in 0..2 {
        let outcomes = subject.store.put(&batch).await;
        assert!(matches!(outcomes[..], [Ok(Put::Stored { again: true, .. })]), "{outcomes:?}");
    }
    assert_eq!(subject.indexed(&cam1()).await, [key]);
}

async fn a_taken_key_keeps_its_bytes_and_its_record(subject: &Subject) {
    let now = subject.now().await;
    let key = key(&cam1(), now, 1);
    subject.put(&[frame(&key, b"first", 60)]).await;
    for secs in [60, 7200] {
        let outcomes = subject.store.put(&[frame(&key, b"another one", secs)]).await;
        assert!(matches!(outcomes[..], [Ok(Put::Taken)]), "{outcomes:?}");
    }
    let fetched = subject.store.fetch(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(fetched, [Some(Bytes::from_static(b"first"))]);
    let stat = subject.store.stat(std::slice::from_ref(&key)).await.unwrap()[0].unwrap();
    assert!(stat.expires_at.unwrap() <= now.plus(super::SEC * 60));
    let answer = subject.index(&cam1(), framecache::model::time::TimeRange::ALL).await;
    let sizes: Vec<_> = answer.records.iter().map(|one| one.record.size).collect();
    assert_eq!(sizes, [Some(5)], "the record should tell of the frame that lies there");
}

async fn outcomes_stand_in_the_order_of_the_batch(subject: &Subject) {
    let now = subject.now().await;
    let keys: Vec<_> = (1..=3).map(|seq| key(&cam1(), now, seq)).collect();
    subject.put(&[frame(&keys[1], b"old", 300)]).await;
    let outcomes = subject
        .store
        .put(&[
            frame(&keys[0], b"a", 300),
            frame(&keys[1], b"new", 300),
            frame(&keys[1], b"old", 300),
            frame(&keys[2], b"c", 300),
            frame(&keys[2], b"c", 300),
        ])
        .await;
    let names: Vec<_> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Ok(Put::Stored { again: false, .. }) => "stored",
            Ok(Put::Stored { again: true, .. }) => "again",
            Ok(Put::Taken) => "taken",
            Err(_) => "failed",
        })
        .collect();
    assert_eq!(names, ["stored", "taken", "again", "stored", "again"]);
}
