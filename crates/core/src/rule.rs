//! Rules as plain data.

use crate::finding::Severity;

/// A rule: what can be wrong. Its id is stable for ever; its name reads as "accept ⟨name⟩".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Such as `WB-P001`.
    pub id: &'static str,
    /// Such as `dangerous-pickle`.
    pub name: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// The severity that a finding has unless it says otherwise.
    pub severity: Severity,
    /// The version of Weighbridge that first had it.
    pub since: &'static str,
    /// Ids in other catalogues: `CWE-502`, `AML.T0010`, `LLM03:2025`.
    pub maps_to: &'static [&'static str],
    /// The page in Markdown: what it finds, why it matters, an example, what to do, what it does not find.
    pub docs: &'static str,
}
