//! The progress bar: on standard error, only where somebody can see it, and only when the wait is noticeable.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use weighbridge_engine::progress::Progress;

/// A scan that is faster than this shows nothing: a bar that flashes up only disturbs.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar over the bytes to read. Erased when dropped, so that nothing of it stays before a report or an error.
pub(crate) struct Bar {
    bar: ProgressBar,
    started: Instant,
    wanted: bool,
    shown: AtomicBool,
}

impl Bar {
    /// A bar; without `wanted` it never shows.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style =
            ProgressStyle::with_template("{bar:30} {decimal_bytes} of {decimal_total_bytes}  {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, started: Instant::now(), wanted, shown: AtomicBool::new(false) }
    }

    /// So many of so many bytes have come.
    pub(crate) fn set(&self, done: u64, of: Option<u64>) {
        self.bar.set_length(of.unwrap_or(done));
        self.bar.set_position(done);
        self.show();
    }

    fn show(&self) {
        if self.wanted && self.started.elapsed() > PATIENCE && !self.shown.swap(true, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }
}

impl Progress for Bar {
    fn expect(&self, _files: u64, bytes: u64) {
        self.bar.inc_length(bytes);
    }

    fn file(&self) {
        self.show();
    }

    fn bytes(&self, count: u64) {
        self.bar.inc(count);
        self.show();
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
