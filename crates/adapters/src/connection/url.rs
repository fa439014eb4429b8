use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// Where a database is: `sqlite://PATH` or `postgres://…` (`postgresql://…`).
///
/// A PostgreSQL URL is libpq's: several hosts, Unix sockets and parameters such as
/// `sslmode` work as [its documentation](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS)
/// says. Printed without passwords.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file, kept by the SQLite inside this program.
    Sqlite(PathBuf),
    /// A PostgreSQL server.
    Postgres(PostgresUrl),
}

/// A URL that libpq understands.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

/// Why a text is no [`DatabaseUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DatabaseUrlError {
    /// Neither of the two forms.
    #[error(
        "expected sqlite://PATH (such as sqlite://./data/addressbook.db) or \
         postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Unrecognised,
    /// A database in memory would be another one for each connection.
    #[error("expected sqlite://PATH with the path of a file: a database in memory is not kept")]
    InMemory,
    /// A parameter, which would become part of the file's name.
    #[error("expected sqlite://PATH without parameters: the file's name cannot hold '?'")]
    SqliteParameters,
    /// An `@` that is not the one before the hosts: probably the user or the password holds a
    /// character that ends it.
    #[error(
        "expected at most one '@', the one before HOST; elsewhere write '@' as %40, and in a \
         password '/' as %2F and '?' as %3F"
    )]
    StrayAt,
    /// A percent sign that encodes nothing.
    #[error(
        "expected two hexadecimal digits other than 00 behind each '%'; write '%' itself as %25, \
         in a password too"
    )]
    PercentEncoding,
    /// A blank, or another invisible character.
    #[error("expected no blanks; write a blank as %20, in a password too")]
    Blank,
    /// A host or port that is none.
    #[error(
        "expected HOST, HOST:PORT or [IPV6]:PORT, with a port from 1 to 65535, or several of \
         these with commas between them; in a password, write '/' as %2F and '?' as %3F"
    )]
    Host,
    /// A parameter that is none.
    #[error(
        "expected ?NAME=VALUE&NAME=VALUE behind the database; write '=' and '&' in a value as %3D \
         and %26"
    )]
    Parameter,
    /// TLS is asked for, and not built in.
    #[error("sslmode asks for TLS, which this build leaves out: build with the feature `tls`")]
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

/// Refuses what libpq would refuse, whose messages repeat parts of the URL, or would read in
/// another way than [`PostgresUrl::with_passwords_as`]: both could show a password.
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

/// Whether that is a host with or without a port. Both may be missing.
fn is_host(text: &str) -> bool {
    let port = match text.strip_prefix('[').map(|text| text.split_once(']')) {
        Some(Some((_, ""))) => Some(""),
        Some(Some((_, behind))) => behind.strip_prefix(':'),
        Some(None) => None,
        None => Some(text.split_once(':').map_or("", |(_, port)| port)),
    };
    port.is_some_and(|port| port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0))
}

impl PostgresUrl {
    /// The URL with its secrets, for libpq.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The URL for others, who have the password elsewhere.
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

    /// The name of the database, if the URL says one, and the URL of the server's own
    /// database `postgres`, from which it can be created.
    pub(crate) fn maintenance(&self) -> Option<(&str, Self)> {
        let (base, rest) = self.split_path()?;
        let (name, parameters) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
        (!name.is_empty()).then(|| (name, Self(format!("{base}/postgres{parameters}"))))
    }

    /// What stands before and after the slash that ends the hosts.
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

// Printed for debugging as otherwise: secrets stay out of logs.
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
    fn takes_files_and_servers() {
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
    fn refuses_all_else() {
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
    fn refuses_what_libpq_would_read_otherwise_or_repeat() {
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
    fn a_build_without_tls_refuses_to_require_it() {
        let url = parse("postgres://db/x?sslmode=require");
        assert_eq!(url.is_ok(), cfg!(feature = "tls"));
    }

    #[test]
    fn prints_no_password() {
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
                panic!("a server");
            };
            assert_eq!(parsed.without_passwords(), bare);
        }
    }

    #[test]
    fn knows_from_where_a_database_can_be_created() {
        let DatabaseUrl::Postgres(url) =
            parse("postgres://me:x@a:1,b:2/book?sslmode=prefer").unwrap()
        else {
            panic!("a server");
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
