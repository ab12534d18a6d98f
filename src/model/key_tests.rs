//! What is a frame key and what is not; minting never goes back.

use proptest::prelude::*;

use super::*;

fn stream() -> StreamId {
    StreamId {
        tenant: Tenant::new("supermercado_vhost").unwrap(),
        prefix: Prefix::new("frames").unwrap(),
        camera: CameraId::new("cam4").unwrap(),
    }
}

fn nanos(n: u64) -> UnixNanos {
    UnixNanos::new(n).unwrap()
}

#[test]
fn accepted_keys_print_back_letter_by_letter() {
    for text in [
        "supermercado_vhost:frames:cam4:1731024000123456789:00001",
        "v:frames:cam1:1731024000123456789:99999",
        "v:frames:cam1:1731024000123456789",
        "v:frames:cam1:1731024000123456789:00ff00aa",
        "v:frames:cam1:9223372036854775807:00001",
    ] {
        assert_eq!(text.parse::<FrameKey>().unwrap().to_string(), text);
    }
}

#[test]
fn everything_else_is_refused() {
    for text in [
        "v:frames:cam:1:1731024000123456789:00001",
        "v:frames:cam:12abc:00001",
        "v:frames:cam:-5",
        "v:frames:cam:-731024000123456789:00001",
        "v:frames:cam:17310240001234567890:00001",
        "v:frames:cam:9223372036854775808:00001",
        "v:frames:cam:0731024000123456789:00001",
        "v:frames:cam:+731024000123456789:00001",
        "frames:cam1:2024-11-07T19:30:00.123Z",
        "frames:v:cam1:2024-11-07T19:30:00Z:00001",
        "v:frames:cam1:",
        "frames:cam1",
        "",
        "v:frames:cam1:1731024000123456789:",
        "v:frames:cam1:1731024000123456789:00000",
        "v:frames:cam1:1731024000123456789:1",
        "v:frames:cam1:1731024000123456789:000001",
        "v:frames:cam1:1731024000123456789:0A1B2C3D",
        "/:frames:cam1:1731024000123456789:00001",
        ":frames:cam1:1731024000123456789:00001",
        "v:fra*es:cam1:1731024000123456789:00001",
        "v:frames:cam1:1731024000123456789:00001\n",
        "@framecache/{v/frames/cam1}/300/10/173102400",
    ] {
        assert!(text.parse::<FrameKey>().is_err(), "{text:?} should be refused");
    }
}

#[test]
fn minting_never_goes_back_nor_repeats() {
    let mut mint = KeyMint::resume(stream(), None);
    let t = 1_731_024_000_123_456_789;
    let minted: Vec<String> = [t, t, t - 5_000_000_000, t + 10]
        .into_iter()
        .map(|now| mint.mint(nanos(now)).unwrap().to_string())
        .collect();
    assert_eq!(
        minted,
        [
            "supermercado_vhost:frames:cam4:1731024000123456789:00001",
            "supermercado_vhost:frames:cam4:1731024000123456790:00002",
            "supermercado_vhost:frames:cam4:1731024000123456791:00003",
            "supermercado_vhost:frames:cam4:1731024000123456799:00004",
        ]
    );
}

#[test]
fn a_resumed_mint_goes_on_and_wraps_after_99999() {
    let t = nanos(1_731_024_000_123_456_789);
    let mut mint = KeyMint::resume(stream(), Some((t, Suffix::Live(Seq::LAST))));
    let key = mint.mint(nanos(t.get() - 1)).unwrap();
    assert_eq!((key.at().get(), key.suffix()), (t.get() + 1, Suffix::Live(Seq::FIRST)));
}

#[test]
fn a_late_key_keeps_its_time_and_does_not_hold_the_live_ones_back() {
    let t = 1_731_024_000_123_456_789;
    let mut mint = KeyMint::resume(stream(), None);
    mint.mint(nanos(t)).unwrap();
    let late = mint.mint_at(nanos(t - 60_000_000_000)).unwrap();
    assert_eq!(late.at().get(), t - 60_000_000_000);
    assert_eq!(mint.mint(nanos(t)).unwrap().at().get(), t + 1);
}

#[test]
fn a_scan_pattern_is_as_narrow_as_its_window() {
    let window = TimeRange::new(nanos(1_731_024_000_000_000_000), nanos(1_731_024_030_000_000_000));
    let s = stream();
    assert_eq!(
        scan_pattern(Some(&s.tenant), Some(&s.prefix), Some(&s.camera), window.unwrap()),
        "supermercado_vhost:frames:cam4:17310240*"
    );
    assert_eq!(scan_pattern(None, Some(&s.prefix), None, TimeRange::ALL), "*:frames:*:*");
}

proptest! {
    #[test]
    fn parse_and_print_are_inverse(at in KEY_TIME_MIN..=i64::MAX as u64, kind in 0u8..3, number: u32) {
        let number = match kind { 0 => 1 + number % 99_999, 1 => 0, _ => number };
        let suffix = Suffix::from_parts(kind, number).unwrap();
        let key = FrameKey::new(stream(), nanos(at), suffix).unwrap();
        prop_assert_eq!(key.to_string().parse::<FrameKey>(), Ok(key));
    }

    #[test]
    fn any_text_is_refused_or_printed_back(text in "[a-z0-9:._\\-]{0,60}|\\PC{0,60}") {
        if let Ok(key) = text.parse::<FrameKey>() {
            prop_assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn a_scan_pattern_matches_every_key_of_its_window(from in KEY_TIME_MIN..9_000_000_000_000_000_000u64, len in 1u64..10_000_000_000_000, pick in 0u64..10_000_000_000_000) {
        let window = TimeRange::new(nanos(from), nanos(from + len)).unwrap();
        let s = stream();
        let pattern = scan_pattern(Some(&s.tenant), Some(&s.prefix), Some(&s.camera), window);
        let key = FrameKey::new(s, nanos(from + pick % len), Suffix::Live(Seq::FIRST)).unwrap();
        prop_assert!(key.to_string().starts_with(pattern.trim_end_matches('*')));
    }
}
