//! Hides from the framework that a client offers another protocol (RFC 9110, section 7.8). The
//! service speaks only HTTP/1.1 and ignores such offers, as the RFC allows. The framework does not:
//! it responds with `connection: upgrade` and closes the connection, and treats everything after
//! `Upgrade: websocket` as one endless body. The application cannot undo either, because the
//! framework decides this while it reads the head of the request.
//!
//! So one byte of each offer is replaced while it is read: `Connection: Upgrade` becomes
//! `Connection: Upgrad-`, and `Upgrade: websocket` becomes `Upgrade: -ebsocket`. The length stays
//! the same, and no header that determines the end of a request is changed.
//!
//! The framework also does not stop at a request with `Connection: close`: it handles the requests
//! that arrived in the same segment, which RFC 9112, section 9.6, forbids, and leaves the
//! connection open. So bytes after such a request, or after an HTTP/1.0 request without
//! `Connection: keep-alive`, are read and dropped.

mod requests;

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use self::requests::Requests;

/// A connection without offers of other protocols, and without bytes after its last request.
pub(crate) struct RequestStream<S> {
    stream: S,
    requests: Requests,
    progress: Rc<WriteProgress>,
}

impl<S> RequestStream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            requests: Requests::default(),
            progress: Rc::default(),
        }
    }

    /// The progress of the responses to the client.
    pub(crate) fn progress(&self) -> Rc<WriteProgress> {
        Rc::clone(&self.progress)
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
            // Returning no bytes would signal the end of the connection.
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
        self.progress.note(&written, bytes.len());
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
        self.progress.note(&written, length);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The progress of writing responses to a connection.
#[derive(Debug, Default)]
pub(crate) struct WriteProgress {
    /// Number of bytes that the operating system accepted.
    written: Cell<u64>,
    /// Whether the last write was incomplete.
    is_blocked: Cell<bool>,
}

impl WriteProgress {
    fn note(&self, written: &Poll<io::Result<usize>>, length: usize) {
        let bytes = match written {
            Poll::Ready(Ok(bytes)) => *bytes,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        self.written.set(self.written.get() + bytes as u64);
        self.is_blocked.set(bytes < length);
    }

    /// The number of bytes written, if more are waiting.
    pub(crate) fn blocked_at(&self) -> Option<u64> {
        self.is_blocked.get().then_some(self.written.get())
    }
}
