//! Every kind of bad configuration and the sentence that it is refused with.

use super::refusal;

/// A file and what is said about it.
type Case = (&'static str, &'static str);

const BAD_VALUES: &[Case] = &[
    (
        "\n[redis]\nadress = \"x\"",
        "c.toml:3: unknown key \"redis.adress\": did you mean \"redis.address\"?",
    ),
    (
        "ttl_seconds = 5",
        "c.toml:1: unknown key \"ttl_seconds\": did you mean \"redis.ttl_seconds\"?",
    ),
    ("[redi]\nenabled = true", "c.toml:1: unknown key \"redi\": did you mean \"redis\"?"),
    (
        "quixotic_zeal = 1",
        "c.toml:1: unknown key \"quixotic_zeal\"; `framecache config init` writes a file with every key and what it means",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurll = \"push:\"",
        "c.toml:3: unknown key \"cameras.urll\": did you mean \"url\"?",
    ),
    (
        "redis = true",
        "c.toml:1: redis is a section and cannot be boolean: write [redis] on a line of its own and its keys below",
    ),
    (
        "[redis]\nenabled = \"yes\"",
        "c.toml:2: redis.enabled = \"yes\" does not fit: it must be true or false",
    ),
    (
        "[redis]\nttl_seconds = \"300\"",
        "c.toml:2: redis.ttl_seconds = \"300\" does not fit: it must be a whole number of seconds from 1 to 315360000 (frames that never expire would fill the store)",
    ),
    (
        "[redis]\nttl_seconds = 0",
        "c.toml:2: redis.ttl_seconds = 0 does not fit: it must be a whole number of seconds from 1 to 315360000 (frames that never expire would fill the store)",
    ),
    (
        "[redis]\ndb = -1",
        "c.toml:2: redis.db = -1 does not fit: it must be a whole number from 0 to 65535",
    ),
    ("[redis]\npassword = 12345", "c.toml:2: redis.password = *** does not fit: it must be text"),
    (
        "target_fps = -3",
        "c.toml:1: target_fps = -3 does not fit: it must be a number from 0.01 to 1000, or 0",
    ),
    (
        "max_frame_bytes = \"16MiB\"",
        "c.toml:1: max_frame_bytes = \"16MiB\" does not fit: it must be a size from 1KiB to 16777214 bytes",
    ),
    (
        "[embedded]\nmax_bytes = \"512 apples\"",
        "c.toml:2: embedded.max_bytes = \"512 apples\" does not fit: it must be a size from 64KiB to 1024TiB",
    ),
    (
        "[shutdown]\ndrain_timeout = \"soon\"",
        "c.toml:2: shutdown.drain_timeout = \"soon\" does not fit: it must be a duration from 1ms to 1h",
    ),
    (
        "[log]\nformat = \"xml\"",
        "c.toml:2: log.format = \"xml\" does not fit: it must be \"auto\" or \"human\" or \"json\"",
    ),
];

#[test]
fn bad_keys_and_values_are_refused_with_place_and_remedy() {
    for (text, said) in BAD_VALUES {
        assert_eq!(refusal(text, &[]), *said, "{text}");
    }
}
