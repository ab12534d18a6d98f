//! Rows and machine, printed: a Markdown table for people and for the documentation, or JSON lines.

use comfy_table::{Table, presets};
use serde_json::json;

use crate::machine::Machine;
use crate::options::Scale;
use crate::rounds::{Better, Quartiles, Row};

/// Prints the table and what it was measured on.
pub(crate) fn print(rows: &[Row], machine: &Machine, scale: &Scale) {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["what", "framecache", "baseline", "compared with", "unit", "times better"]);
    for row in rows {
        table.add_row([
            row.what.clone(),
            figure(row.ours().median),
            figure(row.theirs().median),
            row.baseline.clone(),
            row.unit.to_owned(),
            spread(row.ratio()),
        ]);
    }
    println!("{table}\n");
    println!("Medians of up to {} rounds; times better: median [q1..q3] of the", scale.rounds);
    println!("rounds' own ratios, above 1 where framecache is faster or smaller.\n");
    for (name, value) in machine.facts() {
        println!("- {name}: {value}");
    }
}

/// Prints one object a row, and one for the machine.
pub(crate) fn print_json(rows: &[Row], machine: &Machine) {
    for row in rows {
        let quartiles = |of: Quartiles| json!({ "q1": of.q1, "median": of.median, "q3": of.q3 });
        let line = json!({
            "what": row.what,
            "baseline": row.baseline,
            "unit": row.unit,
            "better": if row.better == Better::More { "more" } else { "less" },
            "rounds": row.rounds.len(),
            "ours": quartiles(row.ours()),
            "theirs": quartiles(row.theirs()),
            "times_better": quartiles(row.ratio()),
        });
        println!("{line}");
    }
    let facts: serde_json::Map<_, _> =
        machine.facts().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    println!("{}", json!({ "machine": facts }));
}

fn spread(of: Quartiles) -> String {
    if of.q1 == of.q3 {
        return figure(of.median);
    }
    format!("{} [{}..{}]", figure(of.median), figure(of.q1), figure(of.q3))
}

/// Three digits that count, thousands apart.
fn figure(value: f64) -> String {
    let text = match value.abs() {
        v if v < 9.995 => format!("{value:.2}"),
        v if v < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    let whole = text.split('.').next().unwrap_or_default().len();
    let mut out = String::new();
    for (place, digit) in text.chars().enumerate() {
        if place > 0 && place < whole && (whole - place) % 3 == 0 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}
