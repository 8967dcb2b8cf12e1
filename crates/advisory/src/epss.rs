//! Scores of the Exploit Prediction Scoring System (FIRST): read from the daily file, kept so that a look-up reads nothing
//! else.
//!
//! The daily file is CSV: a comment with the model's version and the day, a heading, then `CVE-1999-0001,0.01141,0.77215`.
//! What is kept is the magic `WBEPS` and a version byte, the SHA-256 of the rest, the day, the model, the source, and rows
//! of 16 bytes in the order of the CVEs: year, number, score and percentile, each a little-endian u32.

use std::io::BufRead;

use weighbridge_core::date::Date;
use weighbridge_core::digest::Digest;
use weighbridge_core::knowledge::Epss;

use crate::snapshot::SnapshotError;

const MAGIC: &[u8; 6] = b"WBEPS\x01";

/// Bytes of a row.
const ROW: usize = 16;

/// Most rows, twenty times those of today.
const MOST_ROWS: usize = 6_000_000;

/// Longest line in bytes; a row has less than 50.
const MOST_LINE: u64 = 1024;

/// Why a file of scores cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EpssError {
    /// It cannot be read.
    #[error("the file of scores cannot be read")]
    Io(#[from] std::io::Error),
    /// It does not begin as a file of scores does.
    #[error("the file of scores does not say its day (`#model_version:…,score_date:…`)")]
    NoDay,
    /// A line of it is no row.
    #[error("line {0} of the file of scores is no row `CVE,SCORE,PERCENTILE`")]
    Line(usize),
    /// It is larger than any such file.
    #[error("the file of scores has more than {MOST_ROWS} rows")]
    TooLarge,
    /// It holds no row.
    #[error("the file of scores holds no row")]
    Empty,
}

/// All scores of one day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scores {
    as_of: Date,
    model: String,
    source: String,
    rows: Vec<u8>,
}

impl Scores {
    /// Whether the file begins as one of scores does.
    pub fn begins(text: &[u8]) -> bool {
        text.starts_with(b"#model_version:") || text.starts_with(b"cve,epss")
    }

    /// Reads the daily file; `source` says which file it was.
    ///
    /// # Errors
    /// The first thing that is wrong with it; half a file of scores is worse than none.
    pub fn from_csv(mut file: impl BufRead, source: String) -> Result<Self, EpssError> {
        let mut about: Option<(String, Date)> = None;
        let mut rows: Vec<[u32; 4]> = Vec::new();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut piece = std::io::Read::take(&mut file, MOST_LINE);
            if piece.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let text = std::str::from_utf8(&line).map_err(|_| EpssError::Line(number))?.trim();
            if let Some(comment) = text.strip_prefix('#') {
                about = about.or_else(|| header(comment));
            } else if text.is_empty() || text == "cve,epss,percentile" {
                // The heading says nothing.
            } else if about.is_none() {
                return Err(EpssError::NoDay);
            } else if rows.len() >= MOST_ROWS {
                return Err(EpssError::TooLarge);
            } else {
                rows.push(row(text).ok_or(EpssError::Line(number))?);
            }
        }
        let (model, as_of) = about.ok_or(EpssError::NoDay)?;
        if rows.is_empty() {
            return Err(EpssError::Empty);
        }
        rows.sort_unstable();
        // Of two rows about one CVE the higher one stands.
        rows.reverse();
        rows.dedup_by_key(|row| (row[0], row[1]));
        rows.reverse();
        let rows = rows.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
        Ok(Self { as_of, model, source, rows })
    }

    /// The day of the scores.
    pub fn as_of(&self) -> Date {
        self.as_of
    }

    /// The version of the model that made them.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Which file they were read from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many vulnerabilities have one.
    pub fn len(&self) -> usize {
        self.rows.len() / ROW
    }

    /// Whether there is none; never for scores that were read.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The score of a CVE.
    pub fn of(&self, cve: &str) -> Option<Epss> {
        let wanted = identity(cve)?;
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            let [year, number, score, percentile] = self.row(middle)?;
            match (year, number).cmp(&wanted) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
                std::cmp::Ordering::Equal => return Some(Epss { score, percentile, as_of: self.as_of }),
            }
        }
        None
    }

    fn row(&self, at: usize) -> Option<[u32; 4]> {
        let from = at.checked_mul(ROW)?;
        let bytes = self.rows.get(from..from.checked_add(ROW)?)?;
        let mut numbers = [0; 4];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks::<4>().0) {
            *number = u32::from_le_bytes(*bytes);
        }
        Some(numbers)
    }

    /// Writes them for [`Scores::from_bytes`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = self.as_of.days().to_le_bytes().to_vec();
        for text in [&self.model, &self.source] {
            body.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
            body.extend(text.bytes());
        }
        body.extend(&self.rows);
        let mut bytes = MAGIC.to_vec();
        bytes.extend(Digest::of(&body).as_bytes());
        bytes.extend(body);
        bytes
    }

    /// Reads what [`Scores::to_bytes`] wrote.
    ///
    /// # Errors
    /// When it is something else, or was cut off or changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SnapshotError::Foreign)?;
        let damaged = SnapshotError::Damaged;
        let (digest, body) = rest.split_first_chunk::<32>().ok_or(damaged("it ends early"))?;
        if Digest::of(body).as_bytes() != digest {
            return Err(damaged("its digest is another one"));
        }
        Self::body(body).ok_or(damaged("its content makes no sense"))
    }

    fn body(body: &[u8]) -> Option<Self> {
        fn text(rest: &[u8]) -> Option<(String, &[u8])> {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let (text, rest) = rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
            Some((String::from_utf8(text.to_vec()).ok()?, rest))
        }
        let (days, rest) = body.split_first_chunk::<4>()?;
        let (model, rest) = text(rest)?;
        let (source, rows) = text(rest)?;
        let sound = !rows.is_empty() && rows.len().is_multiple_of(ROW);
        let as_of = Date::from_days(i32::from_le_bytes(*days));
        sound.then(|| Self { as_of, model, source, rows: rows.to_vec() })
    }
}

/// `model_version:v2025.03.14,score_date:2025-03-17T12:55:00+0000`.
fn header(comment: &str) -> Option<(String, Date)> {
    let value =
        |key: &str| comment.split(',').find_map(|part| part.trim().strip_prefix(key)?.strip_prefix(':'));
    let day = value("score_date")?.get(..10)?.parse().ok()?;
    let model = value("model_version").unwrap_or_default();
    Some((model.chars().filter(char::is_ascii_graphic).take(40).collect(), day))
}

fn row(line: &str) -> Option<[u32; 4]> {
    let mut fields = line.split(',');
    let (year, number) = identity(fields.next()?.trim())?;
    let score = Epss::probability(fields.next()?)?;
    let percentile = Epss::probability(fields.next()?)?;
    fields.next().is_none().then_some([year, number, score, percentile])
}

/// Year and number of `CVE-2024-12345`.
fn identity(cve: &str) -> Option<(u32, u32)> {
    let (year, number) = cve.strip_prefix("CVE-")?.split_once('-')?;
    let digits = |text: &str, least: usize| text.len() >= least && text.bytes().all(|it| it.is_ascii_digit());
    (year.len() == 4 && digits(year, 4) && digits(number, 4))
        .then(|| Some((year.parse().ok()?, number.parse().ok()?)))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "#model_version:v2025.03.14,score_date:2025-03-17T12:55:00+0000\ncve,epss,percentile\n\
                        CVE-2024-0002,0.5,0.99\nCVE-1999-0001,0.01141,0.77215\nCVE-2023-1234567,9e-05,0.00001\n";

    fn read(text: &str) -> Result<Scores, String> {
        Scores::from_csv(text.as_bytes(), "a file".into()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_score_is_found_by_its_cve() {
        let scores = read(FILE).unwrap();
        let told = |cve: &str| scores.of(cve).map(|it| (it.score, it.percentile, it.as_of.to_string()));
        assert_eq!(told("CVE-1999-0001"), Some((1_141, 77_215, "2025-03-17".into())));
        assert_eq!(told("CVE-2024-0002").unwrap().0, 50_000);
        assert_eq!(told("CVE-2023-1234567").unwrap().0, 9);
        for cve in [
            "CVE-2024-0001",
            "CVE-2024-00020",
            "CVE-2025-0002",
            "GHSA-2024-0002",
            "CVE-2024-2",
            "",
            "CVE-x-0001",
        ] {
            assert_eq!(told(cve), None, "{cve}");
        }
        assert_eq!((scores.len(), scores.model(), scores.source()), (3, "v2025.03.14", "a file"));
    }

    #[test]
    fn what_is_kept_is_what_was_read() {
        let scores = read(FILE).unwrap();
        let bytes = scores.to_bytes();
        assert_eq!(Scores::from_bytes(&bytes), Ok(scores));
        for length in 0..bytes.len() {
            assert!(Scores::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            assert!(Scores::from_bytes(&changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn half_a_file_is_refused() {
        let header = FILE.lines().next().unwrap();
        for (text, why) in [
            (String::new(), "does not say its day"),
            ("cve,epss,percentile\nCVE-2024-0001,0.1,0.1\n".into(), "does not say its day"),
            (format!("{header}\ncve,epss,percentile\n"), "holds no row"),
            (format!("{header}\nCVE-2024-0001,0.1\n"), "line 2"),
            (format!("{header}\nCVE-2024-0001,1.1,0.5\n"), "line 2"),
            (format!("{header}\nCVE-2024-0001,0.1,0.5,1\n"), "line 2"),
            (format!("{header}\n\nCVE-99999999999-0001,0.1,0.5\n"), "line 3"),
            (format!("{header}\n{}\n", "x".repeat(100_000)), "line 2"),
            ("#score_date:yesterday\nCVE-2024-0001,0.1,0.5\n".into(), "does not say its day"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(why), "{error} for {:.60}", text);
        }
    }

    #[test]
    fn of_two_rows_the_higher_stands() {
        let text = format!("{FILE}CVE-2024-0002,0.7,0.1\nCVE-2024-0002,0.6,0.2\n");
        let scores = read(&text).unwrap();
        assert_eq!((scores.len(), scores.of("CVE-2024-0002").unwrap().score), (3, 70_000));
    }
}
