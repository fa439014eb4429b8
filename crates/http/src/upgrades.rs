//! Hides from the framework that a client offers another protocol (RFC 9110, section 7.8). The
//! service speaks HTTP/1.1 alone and ignores such offers, as the RFC allows. The framework does
//! not: it answers `connection: upgrade` and closes the connection, and takes all that follows
//! `Upgrade: websocket` for one endless body. Neither can be undone from within the application,
//! because it decides so while it reads the head of the request.
//!
//! So one byte of each offer is replaced while it is read: `Connection: Upgrade` becomes
//! `Connection: Upgrad-`, and `Upgrade: websocket` becomes `Upgrade: -ebsocket`. The length stays,
//! and no header that says where a request ends is touched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection whose requests offer no other protocol.
pub(crate) struct WithoutUpgrades<S> {
    stream: S,
    requests: Requests,
}

impl<S> WithoutUpgrades<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            requests: Requests::default(),
        }
    }

    /// The connection itself.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WithoutUpgrades<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.requests.mask(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WithoutUpgrades<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Where in the requests of a connection the next byte is.
///
/// Only what the framework accepts has to be followed: it answers anything else with 400 and
/// closes the connection.
#[derive(Default)]
struct Requests {
    at: At,
    /// The name of the header that is being read, in lower case, as far as it was read.
    name: [u8; LONGEST_NAME],
    /// What the head says about the body, as far as it was read.
    length: u64,
    is_chunked: bool,
}

#[derive(Clone, Copy, Default)]
enum At {
    /// Before a request line. Empty lines may come before it.
    #[default]
    Start,
    /// In a line of the head whose rest does not matter.
    Rest,
    /// In a line of the head, behind so many bytes of a name.
    Name(usize),
    /// In the value of `Connection`, behind so many letters of an option that may be `upgrade`.
    Options(Option<usize>),
    /// In the value of `Upgrade`.
    Protocols,
    /// In the value of `Content-Length`.
    Length,
    /// In a body that has so many bytes to come.
    Body(u64),
    /// In the line with the size of a chunk, which is this as far as it was read.
    ChunkSize { size: u64, is_read: bool },
    /// In a chunk that has so many bytes to come.
    Chunk(u64),
    /// In a line behind the last chunk, empty as far as it was read.
    Trailer { is_empty: bool },
}

const LONGEST_NAME: usize = b"transfer-encoding".len();
const UPGRADE: &[u8] = b"upgrade";
const MASK: u8 = b'-';

impl Requests {
    /// Masks the offers in the next bytes of a connection.
    fn mask(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let read = self.step(bytes);
            bytes = &mut bytes[read..];
        }
    }

    /// Reads on, and returns how far.
    fn step(&mut self, bytes: &mut [u8]) -> usize {
        let byte = bytes[0];
        match self.at {
            At::Start if matches!(byte, b'\r' | b'\n') => {}
            At::Start => self.at = At::Rest,
            At::Rest => return self.skip_line(bytes),
            At::Name(length) => self.read_name(length, byte),
            At::Options(matched) => {
                let (matched, is_upgrade) = match (byte, matched) {
                    (b',', _) => (Some(0), false),
                    (b' ' | b'\t', Some(0)) => (Some(0), false),
                    (_, Some(matched)) if byte.to_ascii_lowercase() == UPGRADE[matched] => {
                        let is_upgrade = matched + 1 == UPGRADE.len();
                        ((!is_upgrade).then_some(matched + 1), is_upgrade)
                    }
                    _ => (None, false),
                };
                if is_upgrade {
                    bytes[0] = MASK;
                }
                self.go_on(byte, At::Options(matched));
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
            At::Body(left) => return self.skip(bytes, left, At::Body, At::Start),
            At::ChunkSize { size, is_read } => {
                self.at = match (byte, (byte as char).to_digit(16)) {
                    (b'\n', _) if size == 0 => At::Trailer { is_empty: true },
                    // The chunk, and the end of the line behind it.
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
            At::Trailer { is_empty } => {
                self.at = match byte {
                    b'\n' if is_empty => At::Start,
                    b'\n' => At::Trailer { is_empty: true },
                    b'\r' => At::Trailer { is_empty },
                    _ => At::Trailer { is_empty: false },
                }
            }
        }
        1
    }

    /// Reads a byte of a name. Only the names of four headers matter, which begin with one of
    /// three letters.
    fn read_name(&mut self, length: usize, byte: u8) {
        let byte = byte.to_ascii_lowercase();
        self.at = match byte {
            b'\n' if length == 0 => self.end_of_head(),
            b'\n' => At::Name(0),
            b'\r' if length == 0 => At::Name(0),
            b':' => match &self.name[..length] {
                b"connection" => At::Options(Some(0)),
                b"upgrade" => At::Protocols,
                b"content-length" => At::Length,
                b"transfer-encoding" => {
                    self.is_chunked = true;
                    At::Rest
                }
                _ => At::Rest,
            },
            _ if length == LONGEST_NAME => At::Rest,
            _ if length == 0 && !matches!(byte, b'c' | b'u' | b't') => At::Rest,
            _ => {
                self.name[length] = byte;
                At::Name(length + 1)
            }
        };
    }

    fn end_of_head(&mut self) -> At {
        let (length, is_chunked) = (self.length, self.is_chunked);
        (self.length, self.is_chunked) = (0, false);
        match length {
            _ if is_chunked => CHUNK_SIZE,
            0 => At::Start,
            _ => At::Body(length),
        }
    }

    /// Stays in the same line unless it ends here.
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

    /// Skips what is there of so many bytes.
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

    /// What is read of bytes that come in pieces of these sizes, and then whole.
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
    fn nothing_else_is_masked() {
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

    const TEXT: &str = "\r\n\r\nGET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n";

    /// A request, and what is to be read of it.
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
        fn bodies_and_the_requests_behind_them_are_told_apart_in_any_pieces(
            requests in vec(request(), 1..6),
            sizes in vec(1_usize..40, 0..60),
        ) {
            let sent: String = requests.iter().map(|(sent, _)| &**sent).collect();
            let read: String = requests.iter().map(|(_, read)| &**read).collect();
            prop_assert_eq!(masked(&sent, &sizes), read);
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in vec(any::<u8>(), 0..200), size in 1_usize..20) {
            let mut requests = Requests::default();
            let mut read = bytes.clone();
            read.chunks_mut(size).for_each(|piece| requests.mask(piece));
            let masked = bytes.iter().zip(&read).filter(|(before, after)| before != after);
            prop_assert!(masked.into_iter().all(|(_, after)| *after == MASK));
        }
    }
}
