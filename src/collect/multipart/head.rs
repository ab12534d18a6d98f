//! The header lines of a part, as far as they matter.
//!
//! Names are read whatever their case. A line that is no header, or a length that is no number,
//! is passed over: a camera that writes nonsense there still sends pictures.

/// What the header lines so far say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) content_type: Option<String>,
    pub(super) length: Option<usize>,
    pub(super) timestamp: Option<String>,
}

impl Head {
    /// Takes in one line; anything that is no header of interest is passed over.
    pub(super) fn read(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let Some((name, value)) = line.split_once(':') else {
            return;
        };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => self.content_type = Some(value.to_owned()),
            "content-length" => self.length = value.parse().ok(),
            "x-timestamp" => self.timestamp = Some(value.to_owned()),
            _ => {}
        }
    }

    /// Whether the part calls itself a JPEG.
    pub(super) fn says_jpeg(&self) -> bool {
        let kind = self.content_type.as_deref().unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        ["image/jpeg", "image/jpg", "image/pjpeg"]
            .iter()
            .any(|jpeg| kind.eq_ignore_ascii_case(jpeg))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_interest_are_kept_whatever_their_case() {
        let mut head = Head::default();
        for line in [
            &b"CONTENT-type:image/JPEG; charset=binary"[..],
            b"content-length :  12 ",
            b"X-Timestamp: 1731024000.123456",
            b"Server: camera",
            b"\xFF no header",
        ] {
            head.read(line);
        }
        let expected = Head {
            content_type: Some("image/JPEG; charset=binary".to_owned()),
            length: Some(12),
            timestamp: Some("1731024000.123456".to_owned()),
        };
        assert_eq!(head, expected);
        assert!(head.says_jpeg());
        head.read(b"Content-Length: many");
        head.read(b"Content-Type: text/plain");
        assert_eq!((head.length, head.says_jpeg()), (None, false));
    }
}
