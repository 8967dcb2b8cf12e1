//! CVSS vectors to base scores.

use std::str::FromStr;

use cvss::Cvss;

/// A CVSS base score and the version of the standard that it follows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Score {
    /// The score times ten, 0 to 100.
    pub tenths: u8,
    /// The version of the standard.
    pub standard: Standard,
}

/// A version of CVSS.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standard {
    /// CVSS 3.0.
    V30,
    /// CVSS 3.1.
    V31,
    /// CVSS 4.0.
    V40,
}

/// The base score of a CVSS v3.0, v3.1 or v4.0 vector; none for anything else, and for a vector in which a base metric
/// is missing. Metrics beyond the base group are the view of one user and are left out.
pub fn score(vector: &str) -> Option<Score> {
    let (prefix, metrics) = vector.trim().split_once('/')?;
    let (standard, base) = match prefix {
        "CVSS:3.0" => (Standard::V30, BASE_METRICS_3),
        "CVSS:3.1" => (Standard::V31, BASE_METRICS_3),
        "CVSS:4.0" => (Standard::V40, BASE_METRICS_4),
        _ => return None,
    };
    let name = |metric: &str| metric.split_once(':').map_or("", |(name, _)| name).to_owned();
    let kept: Vec<&str> = metrics.split('/').filter(|metric| base.contains(&&*name(metric))).collect();
    // The crate takes a vector without some metrics, and calls it harmless.
    if !base.iter().all(|wanted| kept.iter().any(|metric| name(metric) == *wanted)) {
        return None;
    }
    let score = Cvss::from_str(&format!("{prefix}/{}", kept.join("/"))).ok()?.score();
    // Scores have one decimal; half a step of tolerance takes up binary fractions.
    let tenths = (0..=100u8).find(|tenths| (f64::from(*tenths) - score * 10.0).abs() < 0.5)?;
    Some(Score { tenths, standard })
}

const BASE_METRICS_3: &[&str] = &["AV", "AC", "PR", "UI", "S", "C", "I", "A"];
const BASE_METRICS_4: &[&str] = &["AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_those_of_the_specifications() {
        for (vector, expected) in [
            // CVSS v3.1 examples: CVE-2013-1937, CVE-2014-0160, CVE-2014-6271.
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Some(61)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Some(75)),
            ("CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Some(98)),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Some(0)),
            // CVSS v4.0 specification: the highest and a middling vector.
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Some(100)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Some(93)),
            ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None),
            // Exploit maturity "unproven" lowers other scores, not the base score.
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H/E:U/RL:O/RC:U", Some(98)),
            ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U", Some(93)),
            ("CVSS:3.1/AV:N", None),
            ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H", None),
            ("CVSS:9.9/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", None),
            ("high", None),
            ("", None),
        ] {
            assert_eq!(score(vector).map(|score| score.tenths), expected, "{vector}");
        }
    }
}
