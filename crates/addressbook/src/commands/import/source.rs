//! Reads the bytes of a file to import: unpacks gzip, and rejects files that are clearly not text
//! in UTF-8.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use anyhow::{Context, bail};
use flate2::bufread::MultiGzDecoder;

/// How many bytes are read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

const GZIP: &[u8] = b"\x1f\x8b";

/// The first bytes of files that are not text in UTF-8, what they are, and what to do with them.
const REFUSED: [(&[u8], &str, &str); 8] = [
    (b"\xff\xfe\0\0", "text in UTF-32", CONVERT_UTF_32),
    (b"\0\0\xfe\xff", "text in UTF-32", CONVERT_UTF_32),
    (b"\xff\xfe", "text in UTF-16", CONVERT_UTF_16),
    (b"\xfe\xff", "text in UTF-16", CONVERT_UTF_16),
    (
        b"PK\x03\x04",
        "a ZIP archive or a spreadsheet workbook",
        "unpack it, or save the sheet as CSV in UTF-8",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd",
        "unpack it: zstd -d FILE",
    ),
    (b"\xfd7zXZ\0", "compressed with xz", "unpack it: xz -d FILE"),
    (b"BZh", "compressed with bzip2", "unpack it: bzip2 -d FILE"),
];
const CONVERT_UTF_16: &str = "convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW";
const CONVERT_UTF_32: &str = "convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW";

/// The number of bytes that identify a file.
const START_BYTES: u64 = 6;

pub(super) fn decode(input: impl Read + Send + 'static) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let (start, input) = with_start(input).context("cannot read the file")?;
    if !start.starts_with(GZIP) {
        refuse_other_encodings(&start)?;
        return Ok(Box::new(input));
    }
    let unpacked = Unpacked(MultiGzDecoder::new(input));
    let (start, input) = with_start(unpacked).context("cannot read the file")?;
    refuse_other_encodings(&start)?;
    Ok(Box::new(input))
}

/// Returns the first bytes of an input, and a reader of the whole input.
fn with_start<R: Read>(mut input: R) -> io::Result<(Vec<u8>, impl BufRead + use<R>)> {
    let mut start = Vec::new();
    input.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(input);
    Ok((start, BufReader::with_capacity(BUFFER_BYTES, whole)))
}

fn refuse_other_encodings(start: &[u8]) -> anyhow::Result<()> {
    for (beginning, what, remedy) in REFUSED {
        if start.starts_with(beginning) {
            bail!(
                "the file is {what}: expected text in UTF-8, which may be compressed with gzip; \
                 {remedy}"
            );
        }
    }
    // ASCII without a byte order mark.
    let encoding = match start {
        [0, second, ..] if *second != 0 => "UTF-16BE",
        [first, 0, ..] if *first != 0 => "UTF-16LE",
        _ => return Ok(()),
    };
    bail!(
        "the file is text in {encoding}: expected text in UTF-8, which may be compressed with \
         gzip; convert it: iconv -f {encoding} -t UTF-8 FILE > NEW"
    );
}

/// Reads from a gzip decoder. Errors say what is wrong with the file.
struct Unpacked<R>(MultiGzDecoder<R>);

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => io::Error::new(
                ErrorKind::UnexpectedEof,
                "the gzip data ends too early: the file is truncated",
            ),
            ErrorKind::InvalidInput | ErrorKind::InvalidData => io::Error::new(
                ErrorKind::InvalidData,
                format!("the gzip data is damaged: {error}"),
            ),
            _ => error,
        })
    }
}
