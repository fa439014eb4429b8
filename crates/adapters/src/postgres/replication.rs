//! How far a standby is behind.

use std::time::Duration;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::select;
use diesel::sql_types::BigInt;

use crate::connection::store_connection::StoreConnection;
use crate::store::error::WorkError;

/// The lag in milliseconds. The time of the last transaction alone says nothing: without writes, it
/// gets older although nothing is missing. So it counts only while something that was received is
/// not applied yet, or while no server is connected from which something could be received.
///
/// Any role can see whether there is a WAL receiver, but not its details.
const LAG_MS: &str = "
    CASE
        WHEN NOT pg_is_in_recovery() THEN 0
        WHEN pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
             AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
        ELSE greatest(0, extract(epoch FROM
            clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), 'epoch')) * 1000)
    END::bigint";

/// Returns how far a server is behind its primary server.
pub(crate) fn lag(store: &mut StoreConnection) -> Result<Duration, WorkError> {
    let StoreConnection::Postgres(connection) = store else {
        return Ok(Duration::ZERO);
    };
    let lag_ms: i64 = select(sql::<BigInt>(LAG_MS)).first(connection)?;
    Ok(Duration::from_millis(lag_ms.unsigned_abs()))
}
