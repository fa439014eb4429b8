//! `addressbook export`: writes addresses in the formats that `addressbook import` reads.

use std::io::{self, BufWriter, ErrorKind};
use std::process::ExitCode;

use addressbook_domain::{
    CustomerId, ExportedAddress, OpenMode, RepositoryError, Scan, ServiceLimits,
};
use anyhow::{Context, anyhow};
use clap::Args;

use crate::ConfigArgument;
use crate::format::Format;
use crate::format::csv::{self, Formulas};
use crate::settings::{DatabaseSettings, LogSettings};
use crate::store::{self, EngineOf};
use crate::telemetry::log;
use crate::usage;

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Export the addresses of this customer only
    #[arg(long, value_name = "ID", value_parser = CustomerId::parse)]
    customer: Option<CustomerId>,

    /// Output format
    #[arg(long, value_enum, default_value = "ndjson")]
    format: Format,

    /// For CSV files that a spreadsheet opens: put an apostrophe before each cell that begins with
    /// = + - @ tab or CR, so that it is not evaluated. Off by default, because an import reads the
    /// apostrophe as text
    #[arg(long)]
    escape_formulas: bool,

    #[command(flatten)]
    config: ConfigArgument,
    #[command(flatten)]
    database: DatabaseSettings,
    #[command(flatten)]
    log: LogSettings,
}

/// The maximum number of addresses in memory.
const STEP: u32 = 1_000;

pub(crate) fn run(arguments: &ExportArguments, engine_of: EngineOf) -> anyhow::Result<ExitCode> {
    if arguments.escape_formulas && arguments.format != Format::Csv {
        usage::exit_with_conflict(
            "export",
            "--escape-formulas is for CSV: also pass --format csv",
        );
    }
    let _log = log::start(&arguments.log)?;
    let store = store::open(&*engine_of(&arguments.database)?, OpenMode::Existing)?;
    let service = crate::service(store.addresses, ServiceLimits::default());
    let output = BufWriter::new(io::stdout().lock());
    let mut output = match arguments.escape_formulas {
        true => Box::new(csv::Writer::new(output, Formulas::Escaped)?),
        false => arguments.format.write(output)?,
    };
    let done = actix_web::rt::System::new().block_on(async {
        let mut scan = Scan {
            customer_id: arguments.customer.clone(),
            after: None,
            limit: STEP,
        };
        loop {
            let addresses = service.export(scan.clone()).await.map_err(with_key)?;
            for address in &addresses {
                output.write(address)?;
            }
            match addresses.into_iter().next_back() {
                Some(ExportedAddress { address: last, .. }) => {
                    scan.after = Some((last.customer_id, last.id))
                }
                None => break anyhow::Ok(output.finish()?),
            }
        }
    });
    match done {
        // The reader has closed the pipe, as `head` does.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        done => done
            .map(|()| ExitCode::SUCCESS)
            .context("the export is incomplete"),
    }
}

/// Adds the key of a damaged record to the error, because only the operator sees it.
fn with_key(error: RepositoryError) -> anyhow::Error {
    match error {
        RepositoryError::Corrupt(damaged) => anyhow!("{damaged}: {}", damaged.key),
        other => other.into(),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
