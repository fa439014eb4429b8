//! The commands of the program, one file each.

pub(crate) mod backup;
pub(crate) mod distribute;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod restore;
pub(crate) mod serve;
