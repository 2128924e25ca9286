"""PROBLEM_NAME, as a problem of Thekla: `thekla audit` and `thekla run` take the path of this folder."""

from thekla.problems.written import written_problem

from .evaluator import bound, hidden, judge, relabelled, resized, varied, workload

build = written_problem(
    __package__,
    workload=workload,
    judge=judge,
    bound=bound,
    resized=resized,
    varied=varied,
    relabelled=relabelled,
    hidden=hidden,
)
