//! Hides from the framework that a client offers another protocol (RFC 9110, section 7.8). The
//! service speaks HTTP/1.1 alone and ignores such offers, as the RFC allows. The framework does
//! not: it answers `connection: upgrade` and closes the connection, and takes all that follows
//! `Upgrade: websocket` for one endless body. Neither can be undone from within the application,
//! because it decides so while it reads the head of the request.
//!
//! So one byte of each offer is replaced while it is read: `Connection: Upgrade` becomes
//! `Connection: Upgrad-`, and `Upgrade: websocket` becomes `Upgrade: -ebsocket`. The length stays,
//! and no header that says where a request ends is touched.
//!
//! Nor does the framework stop at a request with `Connection: close`: it goes on with those that
//! came in the same segment, which RFC 9112, section 9.6, forbids, and keeps the connection. So
//! what comes behind such a request, or behind one of HTTP/1.0 that does not ask to keep the
//! connection, is read and dropped.

mod requests;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::requests::Requests;

/// A connection whose requests offer no other protocol, and end with the last that it is for.
pub(crate) struct RequestStream<S> {
    stream: S,
    requests: Requests,
    answers: Rc<Answers>,
}

impl<S> RequestStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            requests: Requests::default(),
            answers: Rc::default(),
        }
    }

    /// What the client takes of its answers.
    pub(crate) fn answers(&self) -> Rc<Answers> {
        Rc::clone(&self.answers)
    }

    /// The connection itself.
    pub(crate) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for RequestStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            let is_end = buffer.filled().len() == before;
            let kept = self.requests.mask(&mut buffer.filled_mut()[before..]);
            if is_end || kept > 0 {
                buffer.set_filled(before + kept);
                return Poll::Ready(Ok(()));
            }
            // Nothing read would be taken for the end of the connection.
            buffer.set_filled(before);
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RequestStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.answers.note(&written, bytes.len());
        written
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        let length = slices.iter().map(|slice| slice.len()).sum();
        self.answers.note(&written, length);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// What the client of a connection takes of its answers.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// How many bytes the system took to send.
    written: Cell<u64>,
    /// Whether it did not take all that there was.
    is_blocked: Cell<bool>,
}

impl Answers {
    fn note(&self, written: &Poll<io::Result<usize>>, length: usize) {
        let bytes = match written {
            Poll::Ready(Ok(bytes)) => *bytes,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.written.set(self.written.get() + bytes as u64);
        self.is_blocked.set(bytes < length);
    }

    /// How many bytes were written, if more wait.
    pub(crate) fn blocked_at(&self) -> Option<u64> {
        self.is_blocked.get().then_some(self.written.get())
    }
}
