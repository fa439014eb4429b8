//! API keys: what they are, where they are stored, and how a caller is authenticated by one.

pub(crate) mod access;
pub(crate) mod api_key;
pub(crate) mod api_key_repository;
pub(crate) mod api_key_service;
pub(crate) mod api_token;
pub(crate) mod key_authenticator;
