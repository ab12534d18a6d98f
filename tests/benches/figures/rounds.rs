//! Rounds and what is taken from them: medians and quartiles, never a mean or a best.
//!
//! A round measures both sides next to each other, so that whatever else the machine does meets
//! both. The ratio is taken within each round; only then the median over the rounds.

use std::time::Instant;

/// Both sides, measured next to each other, in the unit of their row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) ours: f64,
    pub(crate) baseline: f64,
}

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Rates.
    More,
    /// Times and sizes.
    Less,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What is measured.
    pub(crate) what: String,
    /// What it is compared with.
    pub(crate) baseline: String,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// At least one.
    pub(crate) rounds: Vec<Round>,
}

/// The middle of some figures and the span of its middle half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Quartiles {
    pub(crate) q1: f64,
    pub(crate) median: f64,
    pub(crate) q3: f64,
}

impl Row {
    pub(crate) fn ours(&self) -> Quartiles {
        Quartiles::of(self.rounds.iter().map(|round| round.ours))
    }

    pub(crate) fn theirs(&self) -> Quartiles {
        Quartiles::of(self.rounds.iter().map(|round| round.baseline))
    }

    /// How many times better than the baseline: above 1 is better, whatever the unit.
    pub(crate) fn ratio(&self) -> Quartiles {
        Quartiles::of(self.rounds.iter().map(|round| match self.better {
            Better::More => round.ours / round.baseline,
            Better::Less => round.baseline / round.ours,
        }))
    }
}

impl Quartiles {
    /// Quartiles of one or more figures, interpolated between neighbours.
    pub(crate) fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        assert!(!sorted.is_empty(), "a row should have a round");
        let at = |quarters: usize| {
            let (place, rest) =
                ((sorted.len() - 1) * quarters / 4, (sorted.len() - 1) * quarters % 4);
            let next = sorted[(place + 1).min(sorted.len() - 1)];
            let share = [0.0, 0.25, 0.5, 0.75][rest];
            sorted[place] + (next - sorted[place]) * share
        };
        Self { q1: at(1), median: at(2), q3: at(3) }
    }
}

/// What a call answers, and the microseconds that it takes.
pub(crate) async fn micros<T>(call: &mut impl AsyncFnMut() -> T) -> (f64, T) {
    let began = Instant::now();
    let answer = call().await;
    (began.elapsed().as_secs_f64() * 1e6, answer)
}

/// One side of a comparison: a call that is timed, and the check of its answer, which is not.
pub(crate) struct Side<Call, Check> {
    pub(crate) call: Call,
    pub(crate) check: Check,
}

impl<Call, Check> Side<Call, Check> {
    pub(crate) async fn once<T>(&mut self) -> f64
    where
        Call: AsyncFnMut() -> T,
        Check: FnMut(T),
    {
        let (micros, answer) = micros(&mut self.call).await;
        (self.check)(answer);
        micros
    }
}

/// Calls both in turn and answers the median of each, in microseconds.
pub(crate) async fn in_turn<T, U>(
    calls: usize,
    mut ours: Side<impl AsyncFnMut() -> T, impl FnMut(T)>,
    mut baseline: Side<impl AsyncFnMut() -> U, impl FnMut(U)>,
) -> Round {
    let (mut own, mut other) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    for call in 0..calls {
        // by turns first, so that neither always finds the processor warmed up by the other
        if call.is_multiple_of(2) {
            own.push(ours.once().await);
            other.push(baseline.once().await);
        } else {
            other.push(baseline.once().await);
            own.push(ours.once().await);
        }
    }
    let median = |figures: Vec<f64>| Quartiles::of(figures.into_iter()).median;
    Round { ours: median(own), baseline: median(other) }
}
