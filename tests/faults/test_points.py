# SPDX-License-Identifier: MIT
"""What the sweep gets to."""

from conftest import the_sweep
from points import PROGRAMS, listed

# What the verbs get to without anything going wrong, each with a place before and one after the call.
POINTS_MIN = 300


def test_the_sweep_gets_to_most_of_the_points_that_there_are(request):
    sweep = the_sweep(request.config)
    names = {program: set(listed(program)) for program in PROGRAMS}
    reached = {moment.place for moment in sweep.moments}
    unknown = {(program, point) for program, point in reached if point not in names[program]}
    assert not unknown
    assert len({point for _, point in reached}) >= POINTS_MIN
    assert {program for program, _ in reached} == set(PROGRAMS)
