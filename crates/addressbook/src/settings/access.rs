use clap::Args;

use super::true_or_false;

/// Who may come in.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessSettings {
    /// Let everybody in who reaches the service, on any address, as long as there is no API
    /// key: for a service behind something else that decides who may come in
    #[arg(long, env = "ADDRESSBOOK_ALLOW_ANONYMOUS", value_parser = true_or_false)]
    pub(crate) allow_anonymous: bool,
}
