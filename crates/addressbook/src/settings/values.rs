//! What settings take.

use std::net::ToSocketAddrs;

pub(crate) fn host_and_port(text: &str) -> Result<String, String> {
    match text.to_socket_addrs() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "expected HOST:PORT such as 127.0.0.1:8080 ({error})"
        )),
    }
}
