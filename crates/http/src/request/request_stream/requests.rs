//! Follows the requests in the bytes of a connection.

/// The position of the next byte in the requests of a connection.
///
/// Only requests that the framework accepts are followed: for any other, it returns 400 and closes
/// the connection.
#[derive(Default)]
pub(super) struct Requests {
    at: At,
    /// The part read so far of the current header name or list element, in lower case.
    word: [u8; LONGEST_WORD],
    /// What the part of the head that was read says about the body.
    length: u64,
    is_chunked: bool,
    /// What the part of the head that was read says about the connection.
    is_http_1_0: bool,
    closes: bool,
    keeps: bool,
}

#[derive(Clone, Copy, Default)]
enum At {
    /// Before a request line. Empty lines may come before it.
    #[default]
    Start,
    /// In a request line.
    RequestLine,
    /// In a line of the head whose rest is irrelevant.
    Rest,
    /// In a line of the head, after this many bytes of a name.
    Name(usize),
    /// In the value of a header that is a list, after this many bytes of an element; `None` if the
    /// element is too long to be a known one.
    List(List, Option<usize>),
    /// In the value of `Upgrade`.
    Protocols,
    /// In the value of `Content-Length`.
    Length,
    /// In a body with this many bytes remaining.
    Body(u64),
    /// In the line with the size of a chunk, of which this was read so far.
    ChunkSize { size: u64, is_read: bool },
    /// In a chunk with this many bytes remaining.
    Chunk(u64),
    /// After the last chunk or a line of the trailer.
    TrailerStart,
    /// In a line of the trailer. Only a CR ends it, as in the framework.
    Trailer,
    /// After the CR of such a line.
    TrailerLf,
    /// After the CR that ends the trailer.
    TrailerEnd,
    /// After the last request of the connection.
    Closed,
}

/// A header whose list elements are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Connection,
    TransferEncoding,
}

const LONGEST_WORD: usize = b"transfer-encoding".len();
const MASK: u8 = b'-';

impl Requests {
    /// Masks the offers in the next bytes of a connection. Returns the number of bytes that come
    /// before the end of its last request.
    pub(super) fn mask(&mut self, bytes: &mut [u8]) -> usize {
        let mut read = 0;
        while read < bytes.len() && !matches!(self.at, At::Closed) {
            read += self.step(&mut bytes[read..]);
        }
        read
    }

    /// Reads one or more bytes, and returns their number.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        let byte = bytes[0];
        match self.at {
            At::Start if matches!(byte, b'\r' | b'\n') => {}
            At::Start => self.at = At::RequestLine,
            At::RequestLine => {
                let read = self.skip_line(bytes);
                // The last byte is the minor version; HTTP/0.9 and 2.0 are rejected.
                let mut line = bytes[..read].iter().rev();
                if let Some(last) = line.find(|byte| !matches!(byte, b'\r' | b'\n')) {
                    self.is_http_1_0 = *last == b'0';
                }
                return read;
            }
            At::Rest => return self.skip_line(bytes),
            At::Name(length) => self.read_name(length, byte),
            At::List(list, length) => {
                if self.read_element(list, length, byte) {
                    bytes[0] = MASK;
                }
            }
            At::Protocols if byte > b' ' => {
                bytes[0] = MASK;
                self.at = At::Rest;
            }
            At::Protocols => self.go_on(byte, At::Protocols),
            At::Length => {
                if byte.is_ascii_digit() {
                    let digit = u64::from(byte - b'0');
                    self.length = self.length.saturating_mul(10).saturating_add(digit);
                }
                self.go_on(byte, At::Length);
            }
            At::Body(left) => return self.skip(bytes, left, At::Body, self.end()),
            At::ChunkSize { size, is_read } => {
                self.at = match (byte, (byte as char).to_digit(16)) {
                    (b'\n', _) if size == 0 => At::TrailerStart,
                    // The chunk and the line end after it.
                    (b'\n', _) => At::Chunk(size.saturating_add(2)),
                    (_, Some(digit)) if !is_read => At::ChunkSize {
                        size: size.saturating_mul(16).saturating_add(digit.into()),
                        is_read,
                    },
                    _ => At::ChunkSize {
                        size,
                        is_read: true,
                    },
                };
            }
            At::Chunk(left) => return self.skip(bytes, left, At::Chunk, CHUNK_SIZE),
            At::TrailerStart if byte == b'\r' => self.at = At::TrailerEnd,
            At::TrailerStart => self.at = At::Trailer,
            At::Trailer if byte == b'\r' => self.at = At::TrailerLf,
            At::Trailer => {}
            At::TrailerLf => self.at = At::TrailerStart,
            At::TrailerEnd => self.at = self.end(),
            At::Closed => return bytes.len(),
        }
        1
    }

    /// Reads a byte of a name. Only four header names are relevant; they begin with one of three
    /// letters.
    fn read_name(&mut self, length: usize, byte: u8) {
        let byte = byte.to_ascii_lowercase();
        self.at = match byte {
            b'\n' if length == 0 => self.end_of_head(),
            b'\n' => At::Name(0),
            b'\r' if length == 0 => At::Name(0),
            b':' => match &self.word[..length] {
                b"connection" => At::List(List::Connection, Some(0)),
                b"upgrade" => At::Protocols,
                b"content-length" => At::Length,
                b"transfer-encoding" => At::List(List::TransferEncoding, Some(0)),
                _ => At::Rest,
            },
            _ if length == LONGEST_WORD => At::Rest,
            _ if length == 0 && !matches!(byte, b'c' | b'u' | b't') => At::Rest,
            _ => {
                self.word[length] = byte;
                At::Name(length + 1)
            }
        };
    }

    /// Reads a byte of an element, and returns whether it completes an offer.
    fn read_element(&mut self, list: List, length: Option<usize>, byte: u8) -> bool {
        if matches!(byte, b',' | b'\n') {
            let element = length.map_or(&[][..], |length| self.word[..length].trim_ascii_end());
            match (list, element) {
                (List::Connection, b"close") => self.closes = true,
                (List::Connection, b"keep-alive") => self.keeps = true,
                (List::TransferEncoding, b"chunked") => self.is_chunked = true,
                _ => {}
            }
            self.go_on(byte, At::List(list, Some(0)));
            return false;
        }
        let length = match (length, byte) {
            (Some(0), b' ' | b'\t') => Some(0),
            (Some(length), _) if length < LONGEST_WORD => {
                self.word[length] = byte.to_ascii_lowercase();
                Some(length + 1)
            }
            _ => None,
        };
        self.at = At::List(list, length);
        let is_upgrade = length.is_some_and(|length| self.word[..length] == *b"upgrade");
        is_upgrade && list == List::Connection
    }

    fn end_of_head(&mut self) -> At {
        self.closes |= self.is_http_1_0 && !self.keeps;
        // HTTP/1.0 has no transfer codings: the framework ignores the header there.
        let is_chunked = self.is_chunked && !self.is_http_1_0;
        let length = self.length;
        (self.length, self.is_chunked, self.keeps) = (0, false, false);
        match length {
            _ if is_chunked => CHUNK_SIZE,
            0 => self.end(),
            _ => At::Body(length),
        }
    }

    /// The position after a request.
    fn end(&self) -> At {
        if self.closes { At::Closed } else { At::Start }
    }

    /// Stays in the same line, unless this byte ends it.
    fn go_on(&mut self, byte: u8, at: At) {
        self.at = if byte == b'\n' { At::Name(0) } else { at };
    }

    fn skip_line(&mut self, bytes: &[u8]) -> usize {
        match memchr::memchr(b'\n', bytes) {
            Some(end) => {
                self.at = At::Name(0);
                end + 1
            }
            None => bytes.len(),
        }
    }

    /// Skips as many of the remaining bytes as have arrived.
    fn skip(&mut self, bytes: &[u8], left: u64, within: fn(u64) -> At, behind: At) -> usize {
        let skipped = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.at = match left - skipped as u64 {
            0 => behind,
            left => within(left),
        };
        skipped
    }
}

const CHUNK_SIZE: At = At::ChunkSize {
    size: 0,
    is_read: false,
};

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// The result of reading bytes in pieces of these sizes, and then the rest at once.
    fn masked(sent: &str, sizes: &[usize]) -> String {
        let mut bytes = sent.as_bytes().to_vec();
        let mut requests = Requests::default();
        let mut rest = &mut bytes[..];
        for size in sizes {
            let piece = rest.split_off_mut(..(*size).min(rest.len())).unwrap();
            requests.mask(piece);
        }
        requests.mask(rest);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn offers_are_masked_in_any_spelling() {
        for (sent, read) in [
            ("Connection: upgrade", "Connection: upgrad-"),
            ("CONNECTION:UPGRADE", "CONNECTION:UPGRAD-"),
            (
                "Connection: Upgrade, HTTP2-Settings",
                "Connection: Upgrad-, HTTP2-Settings",
            ),
            (
                "connection:\tkeep-alive ,,  Upgrade ,upgrade",
                "connection:\tkeep-alive ,,  Upgrad- ,upgrad-",
            ),
            ("Upgrade: h2c", "Upgrade: -2c"),
            ("upgrade: websocket", "upgrade: -ebsocket"),
        ] {
            let request = |header| format!("GET / HTTP/1.1\r\n{header}\r\nHost: a\r\n\r\n");
            assert_eq!(masked(&request(sent), &[]), request(read));
            // Lines may end with LF alone, and empty lines may come before a request.
            let bare = |header| format!("\r\n\nGET / HTTP/1.1\nHost: a\n{header}\n\n").repeat(2);
            assert_eq!(masked(&bare(sent), &[]), bare(read));
        }
    }

    #[test]
    fn only_offers_are_masked() {
        for header in [
            "Connection: keep-alive",
            "Connection: close",
            "Connection: upgrad, xupgrade, up grade",
            "Connection:",
            "Upgrade: ",
            "Upgrade-Insecure-Requests: 1",
            "User-Agent: upgrade",
            "X-Connection: upgrade",
            "Connections: upgrade",
            "Content-Type: upgrade",
            "Transfer-Encodings-And-More: upgrade",
            "Cookie: connection: upgrade",
        ] {
            let request = format!("GET /upgrade:connection:upgrade HTTP/1.1\r\n{header}\r\n\r\n");
            let requests = request.repeat(2);
            assert_eq!(masked(&requests, &[]), requests);
        }
        let first_line = "Connection: upgrade\r\nHost: a\r\n\r\n";
        assert_eq!(masked(first_line, &[]), first_line);
    }

    #[test]
    fn nothing_is_read_after_the_last_request() {
        let whole = "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
        for (last, is_last) in [
            ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nCONNECTION: x ,Close\t, y\r\n\r\n", true),
            (
                "GET / HTTP/1.1\nConnection: keep-alive\nConnection: close\n\n",
                true,
            ),
            ("GET / HTTP/1.0\r\n\r\n", true),
            (
                "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n",
                true,
            ),
            ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            (whole, true),
            (
                "POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                 2\r\nhi\r\n0\r\na: b\r\n\r\n",
                true,
            ),
            (
                "GET /close HTTP/1.1\r\nConnection: closed, not close\r\n\r\n",
                false,
            ),
            (
                "GET / HTTP/1.1\r\nTransfer-Encoding: close\r\n\r\n0\r\n\r\n",
                false,
            ),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false),
            ("GET / HTTP/1.1\r\n\r\n", false),
        ] {
            let before = "\r\nGET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".repeat(2);
            let sent = format!("{before}{last}GET / HTTP/1.1\r\n\r\n");
            let expected = if is_last {
                before.len() + last.len()
            } else {
                sent.len()
            };
            for size in [1, 3, sent.len()] {
                let mut requests = Requests::default();
                let mut bytes = sent.clone().into_bytes();
                let read: usize = bytes
                    .chunks_mut(size)
                    .map(|piece| requests.mask(piece))
                    .sum();
                assert_eq!(read, expected, "{last}");
            }
        }
    }

    #[test]
    fn a_trailer_ends_where_the_framework_ends_it() {
        for (trailer, ends) in [
            ("\r\n", true),
            ("a: b\r\n\r\n", true),
            ("a: b\r\nc: d\r\n\r\n", true),
            ("a: b\n\n", false),
            ("a: b\r\n\n", false),
            ("\n", false),
        ] {
            let chunks = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
            let next = |offer| format!("GET / HTTP/1.1\r\nUpgrade: {offer}\r\n\r\n");
            let read = format!(
                "{chunks}{trailer}{}",
                next(if ends { "-2c" } else { "h2c" })
            );
            assert_eq!(
                masked(&format!("{chunks}{trailer}{}", next("h2c")), &[]),
                read
            );
        }
    }

    const TEXT: &str = "\r\n\r\nGET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n";

    /// A request, and the expected result of reading it.
    fn request() -> impl Strategy<Value = (String, String)> {
        let offers = [
            ("", ""),
            ("Connection: Upgrade\r\n", "Connection: Upgrad-\r\n"),
            ("Upgrade: websocket\r\n", "Upgrade: -ebsocket\r\n"),
        ];
        let length = TEXT.len();
        let framed = [
            ("GET", String::new(), String::new()),
            ("GET", "Content-Length: 0\r\n".into(), String::new()),
            ("POST", format!("content-length:{length} \r\n"), TEXT.into()),
            (
                "POST",
                "Transfer-Encoding: chunked\r\n".into(),
                format!(
                    "{length:X};a=b\r\n{TEXT}\r\n00{length:x} \r\n{TEXT}\r\n0\r\n\
                     Connection: upgrade\r\n\r\n"
                ),
            ),
        ];
        let parts = (
            select(offers.to_vec()),
            select(framed.to_vec()),
            any::<bool>(),
        );
        parts.prop_map(|((sent, read), (method, framing, body), is_first)| {
            let whole = |offer: &str| {
                let (first, second) = match is_first {
                    true => (offer, &*framing),
                    false => (&*framing, offer),
                };
                format!("{method} / HTTP/1.1\r\nHost: a\r\n{first}{second}\r\n{body}")
            };
            (whole(sent), whole(read))
        })
    }

    proptest! {
        #[test]
        fn bodies_and_the_requests_after_them_are_distinguished_in_any_pieces(
            requests in vec(request(), 1..6),
            sizes in vec(1_usize..40, 0..60),
        ) {
            let sent: String = requests.iter().map(|(sent, _)| &**sent).collect();
            let read: String = requests.iter().map(|(_, read)| &**read).collect();
            prop_assert_eq!(masked(&sent, &sizes), read);
        }

        #[test]
        fn arbitrary_bytes_are_only_masked(bytes in vec(any::<u8>(), 0..200), size in 1_usize..20) {
            let mut requests = Requests::default();
            let mut read = bytes.clone();
            for piece in read.chunks_mut(size) {
                requests.mask(piece);
            }
            let masked = bytes.iter().zip(&read).filter(|(before, after)| before != after);
            prop_assert!(masked.into_iter().all(|(_, after)| *after == MASK));
        }
    }
}
