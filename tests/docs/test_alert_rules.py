"""The guide's alert rules for Prometheus, by promtool(1): that they are valid, and that each fires when it should."""

import json
import re
import shutil
import subprocess

import pytest

from test_manual import SOURCE, page

PREFIX = "openclaw_failover_"
MINUTE = 60
# A daemon that runs, on standby, with a primary that is up. Times are those of the first sample, 0.
WELL = {"up": "1x20", "primary_up": "1x20", 'role{role="standby"}': "1x20", 'role{role="promoted"}': "0x20",
        "written_timestamp_seconds": f"0+{MINUTE}x20", "last_sync_success_timestamp_seconds": f"0+{MINUTE}x20"}
# What differs, and the one alert that fires after ten minutes.
CASES = {
    "nothing": ({}, []),
    "the daemon was stopped": ({"up": "0x20"}, ["FailoverDaemonGone"]),
    "the file is old": ({"written_timestamp_seconds": "0x20"}, ["FailoverDaemonGone"]),
    "nobody can be reached": ({"primary_up": "0x20"}, ["NobodyReachable"]),
    "promoted": ({"primary_up": "0x20", 'role{role="standby"}': "0x20", 'role{role="promoted"}': "1x20"}, ["StandbyPromoted"]),
    "not synced": ({"last_sync_success_timestamp_seconds": "-7000x20"}, ["StandbyNotSynced"]),
}


def rules():
    """The block of the guide, without roff's escapes."""
    block = re.search(r"^\.Bd -literal.*\n(groups:\n(?:.*\n)*?)\.Ed$", page("openclaw-failover-guide.7"), re.M)[1]
    return re.sub(r"\\&|\\", "", block.replace(r"\-", "-"))


@pytest.fixture
def promtool(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed (package prometheus)")
    (tmp_path / "rules.yml").write_text(rules())

    def run(*words):
        done = subprocess.run(["promtool", *words], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout

    return run


def test_they_are_valid(promtool):
    promtool("check", "rules", "rules.yml")


def test_there_are_four_and_their_metrics_are_written():
    assert len(re.findall(r"- alert:", rules())) == 4
    written = (SOURCE / "src/daemon/metrics.c").read_text()
    named = set(re.findall(PREFIX + r"(\w+)", rules()))
    assert named and all(f'"{name}' in written for name in named), named


@pytest.mark.parametrize("differs, fires", CASES.values(), ids=list(CASES))
def test_each_fires(promtool, tmp_path, differs, fires):
    names = re.findall(r"- alert: (\w+)", rules())
    series = [{"series": PREFIX + name, "values": values} for name, values in {**WELL, **differs}.items()]
    labels = {"FailoverDaemonGone": {}, "NobodyReachable": {}, "StandbyPromoted": {"role": "promoted"}, "StandbyNotSynced": {}}
    expected = [{"eval_time": "10m", "alertname": name,
                 "exp_alerts": [{"exp_labels": labels[name]}] * (name in fires)} for name in names]
    # JSON is YAML.
    test = {"rule_files": ["rules.yml"], "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": expected}]}
    (tmp_path / "test.yml").write_text(json.dumps(test))
    promtool("test", "rules", "test.yml")
