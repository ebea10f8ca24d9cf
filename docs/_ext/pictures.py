"""What the front page shows, made when the documentation is built."""

from pathlib import Path

from matplotlib.figure import Figure

from sklearn_static import StaticLinearClassifier

RESULTS = Path(__file__).parents[1] / "results"
PEERS = {
    "model2vec": "model2vec, fine-tuned",
    "TF-IDF, logistic regression": "logistic regression on TF-IDF",
    "embeddings, logistic regression, C=10": "logistic regression on embeddings",
    "both, logistic regression": "logistic regression on both",
}
OURS = {
    "StaticClassifier, random start": 'StaticClassifier(init="random")',
    "StaticLinearClassifier": "StaticLinearClassifier()",
    "StaticClassifier": "StaticClassifier()",
}


def draw_results(path: Path) -> None:
    """Draw the mean macro-F1 of the main methods, from the tables of results."""
    of_methods = next(row for row in read("f1_1000") if row[""] == "mean")
    labels = {**PEERS, **OURS}
    means = {label: number(of_methods[method]) for method, label in labels.items()}
    colours = ["#7b8794"] * len(PEERS) + ["#3a78ab"] * len(OURS)
    chart = Figure(figsize=(7, 2.7), layout="constrained")
    axes = chart.subplots()
    axes.scatter(list(means.values()), list(means), color=colours, s=60, zorder=2)
    for label, mean in means.items():
        axes.text(mean + 0.15, label, f"{mean:.1f}", va="center")
    axes.grid(alpha=0.3)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("macro-F1 in percent, mean of nine data sets, 1,000 training rows")
    axes.spines[["top", "right"]].set_visible(False)
    chart.savefig(path)


def read(name: str) -> list[dict[str, str]]:
    """Return the rows of a table, by its headings."""
    text = (RESULTS / f"{name}.md").read_text("utf8")
    # Names have soft hyphens.
    lines = text.replace("\u00ad", "").splitlines()
    headings, _, *rows = (
        [cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines
    )
    return [dict(zip(headings, row, strict=True)) for row in rows]


def number(cell: str) -> float:
    """Return the first number of a cell, which a standard deviation may follow."""
    return float(cell.split()[0])


def write_explanation(path: Path) -> None:
    """Write what a notebook shows of an explanation."""
    texts = [
        "I was charged twice",
        "When will my refund arrive?",
        "The invoice is wrong",
        "Cancel my plan",
        "The app crashes",
        "The page does not load",
        "I get an error message",
        "Search is slow",
    ]
    labels = ["billing"] * 4 + ["technical"] * 4
    classifier = StaticLinearClassifier(random_state=0).fit(texts, labels)
    (explanation,) = classifier.explain(["The app crashed, but you charged me"])
    path.write_text(explanation.to_html(), "utf8")
