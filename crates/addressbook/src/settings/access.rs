use clap::Args;

use super::true_or_false;

/// Whether requests need credentials.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessSettings {
    /// Require no credentials on any address, as long as there is no API key. Use it only behind a
    /// proxy that authenticates clients
    #[arg(long, env = "ADDRESSBOOK_ALLOW_ANONYMOUS", value_parser = true_or_false)]
    pub(crate) allow_anonymous: bool,
}
