use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// The URL of a database: `sqlite://PATH` or `postgres://…` (`postgresql://…`).
///
/// PostgreSQL URLs are those of libpq: several hosts, Unix sockets and parameters such as
/// `sslmode` work as described in [its documentation](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).
/// Passwords are not printed.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file of the SQLite that is built into this program.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A URL that libpq understands.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// Why a text is not a [`DatabaseUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// Neither of the two forms.
    #[error(
        "expected sqlite://PATH (such as sqlite://./data/addressbook.db) or \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Unrecognised,
    /// A database in memory, which would be a separate one for each connection.
    #[error(
        "expected sqlite://PATH with the path of a file: a database in memory is not persistent"
    )]
    InMemory,
    /// A parameter, which would become part of the file's name.
    #[error("expected sqlite://PATH without parameters: the file's name cannot contain '?'")]
    SqliteParameters,
    /// An `@` other than the one before the hosts. Probably the user or the password contains a
    /// character that must be encoded.
    #[error(
        "expected at most one '@', before HOST; elsewhere write '@' as %40, and in a password '/' \
         as %2F and '?' as %3F"
    )]
    StrayAt,
    /// A percent sign that is not followed by two hexadecimal digits.
    #[error(
        "expected two hexadecimal digits other than 00 after each '%'; write '%' itself as %25, \
         in a password too"
    )]
    PercentEncoding,
    /// A space, or another whitespace or control character.
    #[error("expected no spaces; write a space as %20, in a password too")]
    Blank,
    /// An invalid host or port.
    #[error(
        "expected HOST, HOST:PORT or [IPV6]:PORT, with a port from 1 to 65535, or several of \
         these separated by commas; in a password, write '/' as %2F and '?' as %3F"
    )]
    Host,
    /// An invalid parameter.
    #[error(
        "expected ?NAME=VALUE&NAME=VALUE after the database; write '=' and '&' in a value as %3D \
         and %26"
    )]
    Parameter,
    /// The URL requires TLS, which is not built in.
    #[error(
        "sslmode requires TLS, which this build does not include: build with the feature `tls`"
    )]
    TlsNotBuiltIn,
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            return match path {
                "" => Err(DatabaseUrlError::Unrecognised),
                ":memory:" => Err(DatabaseUrlError::InMemory),
                path if path.contains('?') => Err(DatabaseUrlError::SqliteParameters),
                path => Ok(Self::Sqlite(path.into())),
            };
        }
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(DatabaseUrlError::Unrecognised);
        }
        check(url)?;
        let asks_for_tls = ["require", "verify-ca", "verify-full"]
            .iter()
            .any(|mode| url.contains(&format!("sslmode={mode}")));
        if asks_for_tls && !cfg!(feature = "tls") {
            return Err(DatabaseUrlError::TlsNotBuiltIn);
        }
        Ok(Self::Postgres(PostgresUrl(url.to_owned())))
    }
}

/// Rejects URLs that libpq would reject, because its messages repeat parts of the URL, and URLs
/// that it would parse differently from [`PostgresUrl::with_passwords_as`]. Both could print a
/// password.
fn check(url: &str) -> Result<(), DatabaseUrlError> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.contains(|char: char| char.is_whitespace() || char.is_control()) {
        return Err(DatabaseUrlError::Blank);
    }
    let (authority, behind) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let hosts = authority
        .split_once('@')
        .map_or(authority, |(_, hosts)| hosts);
    if hosts.contains('@') || behind.contains('@') {
        return Err(DatabaseUrlError::StrayAt);
    }
    if !hosts.split(',').all(is_host) {
        return Err(DatabaseUrlError::Host);
    }
    let parameters = behind
        .split_once('?')
        .map_or("", |(_, parameters)| parameters);
    let mut parameters = parameters.split('&').filter(|text| !text.is_empty());
    if !parameters.all(|text| text.matches('=').count() == 1) {
        return Err(DatabaseUrlError::Parameter);
    }
    let is_encoded = |text: &str| {
        let digits = text.get(..2).unwrap_or_default();
        u8::from_str_radix(digits, 16).is_ok_and(|byte| byte > 0) && !digits.starts_with('+')
    };
    if !rest.split('%').skip(1).all(is_encoded) {
        return Err(DatabaseUrlError::PercentEncoding);
    }
    Ok(())
}

/// Whether a text is a host with an optional port. Both may be empty.
fn is_host(text: &str) -> bool {
    let port = match text.strip_prefix('[').map(|text| text.split_once(']')) {
        Some(Some((_, ""))) => Some(""),
        Some(Some((_, behind))) => behind.strip_prefix(':'),
        Some(None) => None,
        None => Some(text.split_once(':').map_or("", |(_, port)| port)),
    };
    port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether a host, with an optional port, is a folder of Unix sockets or this machine.
fn is_local(host: &str) -> bool {
    let is_folder = host.is_empty() || host.starts_with('/') || host.starts_with("%2F");
    let name = match host.starts_with('[') {
        true => host.split_inclusive(']').next(),
        false => host.split(':').next(),
    };
    let name = name.unwrap_or_default();
    is_folder || name.starts_with("127.") || ["localhost", "[::1]", "::1"].contains(&name)
}

impl PostgresUrl {
    /// The URL with its secrets, for libpq.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The URL for other programs, which get the password in another way.
    pub fn without_passwords(&self) -> String {
        self.with_passwords_as(None)
    }

    fn with_passwords_as(&self, mask: Option<&str>) -> String {
        let (url, parameters) = self.0.split_at(self.0.find('?').unwrap_or(self.0.len()));
        let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
        let mut shown = format!("{scheme}://");
        match rest.rsplit_once('@') {
            Some((user, hosts)) => {
                let (user, password) = user.split_once(':').unwrap_or((user, ""));
                shown += user;
                if let Some(mask) = mask.filter(|_| !password.is_empty()) {
                    shown += &format!(":{mask}");
                }
                shown += &format!("@{hosts}");
            }
            None => shown += rest,
        }
        let parameters = parameters.trim_start_matches('?').split('&');
        let shown_parameters: Vec<_> = parameters
            .filter(|parameter| !parameter.is_empty())
            .filter_map(|parameter| match parameter.split_once('=') {
                Some((name, _)) if name.contains("password") => {
                    mask.map(|mask| format!("{name}={mask}"))
                }
                _ => Some(parameter.to_owned()),
            })
            .collect();
        if !shown_parameters.is_empty() {
            shown += &format!("?{}", shown_parameters.join("&"));
        }
        shown
    }

    /// Whether a connection without TLS is what the URL asks for: by `sslmode=disable`, or because
    /// it names only this machine. libpq itself falls back to no encryption without an error.
    pub(crate) fn allows_plain_text(&self) -> bool {
        let (_, rest) = self.0.split_once("://").unwrap_or_default();
        let (authority, behind) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        let (_, parameters) = behind.split_once('?').unwrap_or_default();
        let value_of = |name: &str| {
            let mut parameters = parameters
                .split('&')
                .filter_map(|text| text.split_once('='));
            parameters
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
        };
        if value_of("sslmode") == Some("disable") {
            return true;
        }
        let from_environment = env::var("PGHOST").unwrap_or_default();
        let hosts = match (hosts, value_of("hostaddr").or_else(|| value_of("host"))) {
            (_, Some(hosts)) => hosts,
            ("", None) => &from_environment,
            (hosts, None) => hosts,
        };
        hosts.split(',').all(is_local)
    }

    /// The name of the database, and the URL of the server's database `postgres`, from which it
    /// can be created. `None` if the URL names no database.
    pub(crate) fn maintenance(&self) -> Option<(&str, Self)> {
        let (base, rest) = self.split_path()?;
        let (name, parameters) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        (!name.is_empty()).then(|| (name, Self(format!("{base}/postgres{parameters}"))))
    }

    /// The parts before and after the slash that ends the hosts.
    fn split_path(&self) -> Option<(&str, &str)> {
        let authority = self.0.find("://")? + "://".len();
        let hosts = self.0[authority..].split('?').next()?;
        let slash = authority + hosts.find('/')?;
        Some((&self.0[..slash], &self.0[slash + 1..]))
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", Path::display(path)),
            Self::Postgres(url) => fmt::Display::fmt(url, f),
        }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_passwords_as(Some("***")))
    }
}

// The same as `Display`, to keep secrets out of logs.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        url.parse()
    }

    #[test]
    fn urls_of_files_and_servers_are_valid() {
        for url in [
            "sqlite://./data/addressbook.db",
            "sqlite:///var/lib/addressbook/a b.db",
        ] {
            let parsed = parse(url).unwrap();
            assert!(matches!(parsed, DatabaseUrl::Sqlite(_)), "{url}");
            assert_eq!(parsed.to_string(), url);
        }
        for url in [
            "postgres://localhost/addressbook",
            "postgresql://a:1,b:2/x?target_session_attrs=read-write",
            "postgres:///x?host=/run/postgresql",
            "postgres:///x?host=/a,/b&port=1,2&target_session_attrs=primary",
        ] {
            let parsed = parse(url).unwrap();
            assert!(matches!(parsed, DatabaseUrl::Postgres(_)), "{url}");
            assert_eq!(parsed.to_string(), url);
        }
    }

    #[test]
    fn other_urls_are_rejected() {
        for url in [
            "",
            "addressbook.db",
            "sqlite:",
            "sqlite://",
            "mysql://localhost/x",
            "host=localhost",
        ] {
            assert_eq!(parse(url), Err(DatabaseUrlError::Unrecognised), "{url}");
        }
        assert_eq!(parse("sqlite://:memory:"), Err(DatabaseUrlError::InMemory));
        assert_eq!(
            parse("sqlite://a.db?mode=ro"),
            Err(DatabaseUrlError::SqliteParameters)
        );
    }

    #[test]
    fn urls_that_libpq_would_repeat_or_parse_differently_are_rejected() {
        use DatabaseUrlError::{Blank, Host, Parameter, PercentEncoding, StrayAt};

        for (rest, error) in [
            ("me:s3@cret@h/x", StrayAt),
            ("me:s3/cret@h/x", StrayAt),
            ("me:5432/cret@h/x", StrayAt),
            ("me:s3?cret@h/x", StrayAt),
            ("h/x?password=s3@cret", StrayAt),
            ("me:s3 cret@h/x", Blank),
            ("me:s3\tcret@h/x", Blank),
            ("me:s3/cret", Host),
            ("h:0/x", Host),
            ("h:65536", Host),
            ("a:1,b:2:3/x", Host),
            ("me:s3cret@[::1/x", Host),
            ("[::1]5432/x", Host),
            ("h/x?password=s3&cret", Parameter),
            ("h/x?password=s3=cret", Parameter),
            ("me:s3%cret@h/x", PercentEncoding),
            ("me:s3cret%@h/x", PercentEncoding),
            ("me:s3cret%00@h/x", PercentEncoding),
            ("me:s3cret%+1@h/x", PercentEncoding),
            ("h/x?password=s3%é", PercentEncoding),
        ] {
            for scheme in ["postgres", "postgresql"] {
                let refused = parse(&format!("{scheme}://{rest}"));
                assert_eq!(refused, Err(error), "{rest}");
            }
        }
        for rest in [
            "",
            "/",
            "h",
            "me@/x",
            "me:@h:/x",
            "me:s3cret%2f%40@[::1]:5432,h,[fe80::1]/x?",
            "h?application_name=a/b&connect_timeout=3",
            "%2Frun%2Fpostgresql/x?options=-c%20a%3Db&",
        ] {
            assert!(parse(&format!("postgres://{rest}")).is_ok(), "{rest}");
        }
    }

    #[test]
    fn a_build_without_tls_rejects_urls_that_require_it() {
        let url = parse("postgres://db/x?sslmode=require");
        assert_eq!(url.is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn only_this_machine_is_connected_to_in_plain_text_unasked() {
        for (rest, allowed) in [
            ("/x", true),
            ("me@localhost:5432/x", true),
            ("me:s3cret@127.0.0.1,[::1]:5432/x", true),
            ("%2Frun%2Fpostgresql/x", true),
            ("/x?host=/run/postgresql", true),
            ("db/x?sslmode=disable", true),
            ("db/x", false),
            ("db/x?sslmode=prefer", false),
            ("localhost,db/x", false),
            ("localhost/x?hostaddr=10.0.0.1", false),
            ("/x?host=db", false),
        ] {
            let DatabaseUrl::Postgres(url) = parse(&format!("postgres://{rest}")).unwrap() else {
                panic!("{rest}");
            };
            assert_eq!(url.allows_plain_text(), allowed, "{rest}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        for (url, printed, bare) in [
            (
                "postgres://me:s3cr:et@h/x",
                "postgres://me:***@h/x",
                "postgres://me@h/x",
            ),
            (
                "postgres://me:p%40s:[s@h/x",
                "postgres://me:***@h/x",
                "postgres://me@h/x",
            ),
            (
                "postgres://me:s3@a:1,b:2/x",
                "postgres://me:***@a:1,b:2/x",
                "postgres://me@a:1,b:2/x",
            ),
            (
                "postgres://me@h/x?password=s3cret&a=b",
                "postgres://me@h/x?password=***&a=b",
                "postgres://me@h/x?a=b",
            ),
        ] {
            let parsed = parse(url).unwrap();
            assert_eq!(parsed.to_string(), printed);
            assert_eq!(format!("{parsed:?}"), printed);
            let DatabaseUrl::Postgres(parsed) = parsed else {
                panic!("expected a server");
            };
            assert_eq!(parsed.without_passwords(), bare);
        }
    }

    #[test]
    fn a_database_is_created_from_the_database_postgres() {
        let DatabaseUrl::Postgres(url) =
            parse("postgres://me:x@a:1,b:2/book?sslmode=prefer").unwrap()
        else {
            panic!("expected a server");
        };
        let (name, server) = url.maintenance().unwrap();
        assert_eq!(name, "book");
        assert_eq!(
            server.expose(),
            "postgres://me:x@a:1,b:2/postgres?sslmode=prefer"
        );
        for url in [
            "postgres://localhost",
            "postgres://localhost/",
            "postgres://?host=/tmp/a,/tmp/b",
        ] {
            assert_eq!(PostgresUrl(url.into()).maintenance(), None);
        }
    }
}
