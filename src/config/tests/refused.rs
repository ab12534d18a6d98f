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
        "c.toml:1: redis is a section, no single value: write [redis] on a line of its own and its keys below",
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

const CONTRADICTIONS: &[Case] = &[
    (
        "[[cameras]]\nid = \"a\"\nurl = \"push:\"\nquality = 50",
        "c.toml:4: camera 1 (a): the pictures of this kind of url are stored as they come, so none has another quality: remove quality",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"RTSP://h/1\"\nquality = 50",
        "c.toml:4: camera 1 (a): the camera's own JPEGs are stored as they come: remove quality, or add mode = \"ffmpeg\" to have every picture encoded anew",
    ),
    ("[redis]\nenabled = true\nenabled = false", "c.toml:3: this is not valid TOML: duplicate key"),
    (
        "[redis]\ncluster = true",
        "c.toml:2: redis.cluster: Redis Cluster and Sentinel are not supported yet: remove this key and name one server by redis.address or redis.url",
    ),
    (
        "[redis.cluster]\nnodes = [\"a:1\"]",
        "c.toml:1: redis.cluster: Redis Cluster and Sentinel are not supported yet: remove this key and name one server by redis.address or redis.url",
    ),
    (
        "[redis]\naddress = \"a:1,b:2\"",
        "c.toml:2: redis.address names several servers, but Redis Cluster and Sentinel are not supported yet: name one server",
    ),
    (
        "[redis]\naddress = \"a:1\"\nurl = \"redis://b\"",
        "c.toml:3: redis.url and redis.address (c.toml:2) exclude each other: remove one of them",
    ),
    (
        "[redis]\naddress = \"a:port\"",
        "c.toml:2: redis.address \"a:port\" does not fit: write HOST:PORT, e.g. 127.0.0.1:6379",
    ),
    (
        "[redis]\naddress = \"u:secret@a:1\"",
        "c.toml:2: redis.address \"***@a:1\" does not fit: write HOST:PORT, e.g. 127.0.0.1:6379",
    ),
    (
        "[redis]\nurl = \"http://u:secret@a\"",
        "c.toml:2: redis.url \"http://u:***@a\" does not fit: write redis://[user:password@]host[:port][/db], rediss://... for TLS, or unix:///path",
    ),
    (
        "[redis]\nttl_seconds = 5\n[[retention]]\nkeep = \"all\"\nfor = \"5m\"",
        "c.toml:3: retention and redis.ttl_seconds (c.toml:2) exclude each other: remove one of them",
    ),
    (
        "[[retention]]\nevery = \"1s\"\nfor = \"1h\"",
        "c.toml:1: the first retention tier must keep all: [[retention]] keep = \"all\", for = \"5m\"",
    ),
    (
        "[[retention]]\nkeep = \"all\"\nevery = \"1s\"\nfor = \"1h\"",
        "c.toml:3: retention tier 1: give either keep = \"all\" or every = \"1s\"",
    ),
    (
        "[[retention]]\nkeep = \"all\"",
        "c.toml:1: retention tier 1: add for = \"1h\", how long its frames live",
    ),
    (
        "[[retention]]\nkeep = \"all\"\nfor = \"1500ms\"",
        "c.toml:3: retention tier 1: for must be whole seconds",
    ),
    (
        "[redis]\nprefix = \"a:b\"",
        "c.toml:2: redis.prefix = \"a:b\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, not starting with '.' or '-'",
    ),
    (
        "tenant = \"a b\"",
        "c.toml:1: tenant \"a b\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, not starting with '.' or '-'",
    ),
    (
        "[amqp]\namqp_url = \"amqp://u:secret@h/a%2Fb\"",
        "c.toml:2: the vhost \"a/b\" of amqp.amqp_url cannot be the tenant (1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'): set tenant = \"...\" at the top of the configuration",
    ),
    (
        "[amqp]\namqp_url = \"mqtt://u:secret@h/a\"",
        "c.toml:2: amqp.amqp_url \"mqtt://u:***@h/a\" does not fit: write amqp://user:password@host:5672/vhost, or amqps:// for TLS, and %XX for what is no letter or digit",
    ),
    ("[amqp]\nframes = true", "c.toml:2: amqp.frames = true needs a broker: set amqp.amqp_url too"),
    (
        "[ingest]\nqueue_bytes = \"1MiB\"",
        "c.toml:2: ingest.queue_bytes (1048576) is below max_frame_bytes (16777214), so that no large frame would fit: raise it or lower max_frame_bytes",
    ),
    (
        "[http]\nlisten = \"8080\"",
        "c.toml:2: http.listen \"8080\" does not fit: write ADDRESS:PORT, e.g. 127.0.0.1:8080 or 0.0.0.0:8080",
    ),
    (
        "[http]\nlisten = \"0.0.0.0:8080\"",
        "c.toml:2: http.listen = \"0.0.0.0:8080\" can be reached from other machines and there are no tokens: make one with `framecache token new` and add it as [[tokens]], listen on 127.0.0.1, or set [http] insecure = true to let everyone in",
    ),
    (
        "[http]\ncors_origins = \"*\"",
        "c.toml:2: http.cors_origins = \"*\" without tokens would let every page of the web see and do everything: name the origins, or make tokens with `framecache token new`",
    ),
    (
        "[http]\ncors_origins = [\"https://a\", \"https://b/page\"]",
        "c.toml:2: http.cors_origins: \"https://b/page\" is no origin: write scheme, host and port, e.g. \"https://wall.example.org\"",
    ),
    (
        "[http]\nhosts = [\"https://a\"]",
        "c.toml:2: http.hosts: \"https://a\" is no host name: write it without scheme and port, e.g. \"cams.example.org\"",
    ),
    (
        "[http]\ntls_cert = \"a.pem\"",
        "c.toml:2: http.tls_cert is set and http.tls_key is not: HTTPS needs both, HTTP neither",
    ),
    (
        "[log]\nlevel = \"loud\"",
        "c.toml:2: log.level = \"loud\" does not fit: write error, warn, info, debug, trace or off, single parts as module=level, separated by commas",
    ),
];

#[test]
fn values_that_do_not_fit_together_are_refused() {
    for (text, said) in CONTRADICTIONS {
        assert_eq!(refusal(text, &[]), *said, "{text}");
    }
}

/// What every refused token lacks nothing else of.
const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn tokens_that_do_not_fit_are_refused_without_being_repeated() {
    let one = |name: &str, hash: &str, tenant: &str| {
        format!("[[tokens]]\n{name}\nhash = \"{hash}\"\n{tenant}\n")
    };
    let (name, all) = ("name = \"a\"", "tenant = \"*\"");
    let fine = one(name, ABC, all);
    for (text, said) in [
        (one("", ABC, all), "c.toml:1: token 1: add name = \"...\", who holds it"),
        (
            one("name = \"a b\"", ABC, all),
            "c.toml:2: token 1: its name must be 1 to 64 letters, digits, '.', '_' or '-', not starting with '.' or '-'",
        ),
        (
            one(name, "fc_the-token-itself", all),
            "c.toml:3: token 1: hash must be \"sha256:\" and 64 hex digits: `framecache token new` prints it; the token itself must not stand here",
        ),
        (
            one(name, ABC, ""),
            "c.toml:1: token 1: add tenant = \"...\", the one it may see, or \"*\" for all",
        ),
        (format!("{fine}{fine}"), "c.toml:6: tokens 1 and 2 have the same name: give each its own"),
        (
            format!("{fine}{}", one("name = \"b\"", ABC, all)),
            "c.toml:7: tokens 1 and 2 have the same hash: give each its own",
        ),
    ] {
        assert_eq!(refusal(&text, &[]), said, "{text}");
    }
}

const BAD_CAMERAS: &[Case] = &[
    (
        "[cameras]\nid = \"a\"",
        "c.toml:1: cameras must be a list of tables: write [[cameras]] above each",
    ),
    ("[[cameras]]\nurl = \"push:\"", "c.toml:1: camera 1 has no id: add id = \"...\" to it"),
    ("[[cameras]]\nid = \"a\"", "c.toml:1: camera 1 has no url: add url = \"...\" to it"),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"push:\"\n[[cameras]]\nid = \"b:c\"\nurl = \"push:\"",
        "c.toml:5: camera 2: camera id \"b:c\" does not fit: 1 to 64 letters, digits, '.', '_' or '-' are allowed, not starting with '.' or '-'",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"push:\"\n[[cameras]]\nid = \"a\"\nurl = \"push:\"",
        "c.toml:5: cameras 1 and 2 have the same id \"a\": give each camera its own",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"push:\"\nfps = \"5\"",
        "c.toml:4: cameras[1].fps = \"5\" does not fit: it must be a number from 0.01 to 1000, or 0",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"gopher://u:secret@h\"",
        "c.toml:3: camera 1 (a): its url has the unknown scheme \"gopher\": known are synthetic:, rtsp://, rtsps://, rtmp://, http://, https://, dir:PATH, file:PATH, a path, or push:",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"rtsp://u:secret@:99/1\"",
        "c.toml:3: camera 1 (a): \"rtsp://u:***@:99/1\" is no URL of a camera: write rtsp://user:password@host/path, and in the password %XX for what is no letter or digit",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"dir:?fps=1\"",
        "c.toml:3: camera 1 (a): its url names no path: write dir:PATH",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"rtsp://h/1\"\nmode = \"snapshot\"",
        "c.toml:4: camera 1 (a): mjpeg and snapshot are modes of http:// and https:// only: remove mode",
    ),
    (
        "[[cameras]]\nid = \"a\"\nurl = \"push:\"\nmode = \"ffmpeg\"",
        "c.toml:4: camera 1 (a): ffmpeg does not read this kind of url: remove mode",
    ),
];

#[test]
fn bad_cameras_are_refused_with_their_position() {
    for (text, said) in BAD_CAMERAS {
        assert_eq!(refusal(text, &[]), *said, "{text}");
    }
}

/// A variable, its value and what is said about it.
const BAD_VARIABLES: &[(&str, &str, &str)] = &[
    (
        "FRAMECACHE_REDIS_ADDRESS",
        "a:1",
        "unknown environment variable FRAMECACHE_REDIS_ADDRESS: did you mean \"FRAMECACHE_REDIS__ADDRESS\"?",
    ),
    (
        "FRAMECACHE_TENANT_FILE",
        "/x",
        "unknown environment variable FRAMECACHE_TENANT_FILE: did you mean \"FRAMECACHE_TENANT\"?",
    ),
    (
        "FRAMECACHE_REDIS__DB",
        "first",
        "environment variable FRAMECACHE_REDIS__DB: redis.db = \"first\" does not fit: it must be a whole number from 0 to 65535",
    ),
    (
        "FRAMECACHE_CAMERAS",
        "[{id = \"a\", url = \"push:\", rate = 5}]",
        "environment variable FRAMECACHE_CAMERAS: unknown key \"cameras.rate\"; `framecache config init` writes a file with every key and what it means",
    ),
    (
        "FRAMECACHE_CAMERAS",
        "cam1",
        "environment variable FRAMECACHE_CAMERAS: this is not valid TOML: string values must be quoted, expected literal string",
    ),
    (
        "REDIS_PORT",
        "high",
        "environment variable REDIS_PORT: redis.address \"127.0.0.1:high\" does not fit: write HOST:PORT, e.g. 127.0.0.1:6379",
    ),
    (
        "REDIS_PASSWORD_FILE",
        "/nowhere/secret",
        "environment variable REDIS_PASSWORD_FILE: cannot read the file /nowhere/secret: No such file or directory (os error 2); give the path of a file that holds the secret",
    ),
];

#[test]
fn bad_variables_are_refused_by_name() {
    for (name, value, said) in BAD_VARIABLES {
        assert_eq!(refusal("", &[(name, value)]), *said, "{name}={value}");
    }
    assert_eq!(
        refusal("", &[("REDIS_PASSWORD", "a"), ("REDIS_PASSWORD_FILE", "/x")]),
        "environment variable REDIS_PASSWORD_FILE: REDIS_PASSWORD is set too: set only one of the two"
    );
}
