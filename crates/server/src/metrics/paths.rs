//! What is told of the paths to viewers.

use parlor_engine::{ESTIMATE_BOUNDS_BPS, LimitedBy, Survey};

use super::Page;

/// Prometheus counts in bytes.
const BITS_PER_BYTE: u64 = 8;

/// Of each media thread, what its engine has found out.
pub(super) fn render(page: &mut Page, surveys: &[Survey]) {
    render_viewers(page, surveys);
    render_estimates(page, surveys);
    render_probes(page, surveys);
}

fn render_viewers(page: &mut Page, surveys: &[Survey]) {
    let name = "parlor_viewers";
    page.head(name, "Peers now who are sent pictures, by what keeps more from them", "gauge");
    for (thread, survey) in surveys.iter().enumerate() {
        for (limit, viewers) in LimitedBy::ALL.iter().zip(survey.viewers) {
            let thread = &thread.to_string();
            page.line(name, &[("thread", thread), ("limited_by", limit.as_str())], viewers);
        }
    }
}

fn render_estimates(page: &mut Page, surveys: &[Survey]) {
    let name = "parlor_estimate_bytes_per_second";
    let help = "What paths to viewers are estimated to carry, each viewer once a second";
    page.head(name, help, "histogram");
    for (thread, Survey { estimates, .. }) in surveys.iter().enumerate() {
        let thread = ("thread", &*thread.to_string());
        let mut up_to = 0;
        for (bound, bucket) in ESTIMATE_BOUNDS_BPS.iter().zip(estimates.buckets) {
            up_to += bucket;
            let bound = &(bound / BITS_PER_BYTE).to_string();
            page.line(&format!("{name}_bucket"), &[thread, ("le", bound)], up_to);
        }
        page.line(&format!("{name}_bucket"), &[thread, ("le", "+Inf")], estimates.count);
        page.line(&format!("{name}_sum"), &[thread], estimates.sum_bps / BITS_PER_BYTE);
        page.line(&format!("{name}_count"), &[thread], estimates.count);
    }
}

fn render_probes(page: &mut Page, surveys: &[Survey]) {
    let begun = surveys.iter().map(|survey| survey.probes.begun);
    let help = "Bursts that were to find out what paths to viewers carry";
    page.by_thread("parlor_probes_total", help, "counter", begun);
    let name = "parlor_probe_results_total";
    page.head(name, "What they showed of the estimate: that more comes through or not", "counter");
    for (thread, Survey { probes, .. }) in surveys.iter().enumerate() {
        for (result, count) in [
            ("raised", probes.raised),
            ("confirmed", probes.confirmed),
            ("below", probes.below),
            ("unanswered", probes.unanswered),
        ] {
            let thread = &thread.to_string();
            page.line(name, &[("thread", thread), ("result", result)], count);
        }
    }
}
