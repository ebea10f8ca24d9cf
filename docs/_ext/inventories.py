"""Inventories of other projects, for links to their documentation.

intersphinx usually downloads a project's whole inventory, so that a build needs a
network and fails without one. The documentation names few objects of each project, and
each project puts an object at an address that follows from its name. Inventories of
these names are written here, and a build is the same with a network and without.
"""

import zlib
from pathlib import Path

PROJECTS = {
    "sklearn": (
        "https://scikit-learn.org/stable/",
        "modules/generated/{name}.html#$",
        """
        base.BaseEstimator base.clone calibration.CalibratedClassifierCV
        calibration.CalibrationDisplay cluster.HDBSCAN compose.ColumnTransformer
        compose.make_column_transformer ensemble.StackingClassifier
        exceptions.ConvergenceWarning exceptions.InconsistentVersionWarning
        exceptions.NotFittedError feature_extraction.text.CountVectorizer
        feature_extraction.text.HashingVectorizer
        feature_extraction.text.TfidfVectorizer frozen.FrozenEstimator
        linear_model.LogisticRegression linear_model.LogisticRegressionCV
        linear_model.Ridge linear_model.RidgeCV linear_model.SGDClassifier
        metrics.classification_report metrics.f1_score
        model_selection.GridSearchCV model_selection.RandomizedSearchCV
        model_selection.TunedThresholdClassifierCV model_selection.cross_val_predict
        model_selection.cross_val_score model_selection.train_test_split
        neighbors.NearestNeighbors neural_network.MLPClassifier
        neural_network.MLPRegressor pipeline.FeatureUnion pipeline.Pipeline
        pipeline.make_pipeline pipeline.make_union preprocessing.MultiLabelBinarizer
        svm.LinearSVC
        """,
    ),
    "skorch": (
        "https://skorch.readthedocs.io/en/stable/",
        "callbacks.html#$",
        "callbacks.Callback callbacks.EarlyStopping callbacks.LRScheduler",
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        "reference/generated/{name}.html#$",
        "ndarray",
    ),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/",
        "reference/generated/{name}.html#$",
        "sparse.csr_array sparse.csr_matrix",
    ),
    "torch": (
        "https://docs.pytorch.org/docs/stable/",
        "generated/{name}.html#$",
        """
        nn.CrossEntropyLoss nn.Dropout nn.GELU nn.LayerNorm nn.Linear nn.Module nn.ReLU
        nn.Sequential optim.Adam optim.SGD optim.lr_scheduler.ExponentialLR
        optim.lr_scheduler.ReduceLROnPlateau
        """,
    ),
    "skrub": (
        "https://skrub-data.org/stable/",
        "reference/generated/{name}.html#$",
        "StringEncoder TableVectorizer TextEncoder",
    ),
    "pandas": (
        "https://pandas.pydata.org/docs/",
        "reference/api/{name}.html#$",
        "DataFrame Series",
    ),
}
EXCEPTIONS = {
    "numpy": {"numpy.random.RandomState": "reference/random/legacy.html#$"},
    "skorch": {"skorch.NeuralNet": "net.html#skorch.net.NeuralNet"},
}
"""Addresses that do not follow from the name."""


def objects() -> dict[str, str]:
    """Return the full name of each name, and of each short one such as ``Pipeline``."""
    full = {name for project in PROJECTS for name in addresses_of(project)}
    return {name.rpartition(".")[2]: name for name in full} | {n: n for n in full}


def write_inventories(folder: Path) -> dict[str, tuple[str, str]]:
    """Write an inventory for each project, and return the mapping of intersphinx."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (url, _, _) in PROJECTS.items():
        header = (
            f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
            "# The remainder of this file is compressed using zlib.\n"
        )
        lines = "".join(
            f"{name} py:{kind_of(name)} 1 {address} -\n"
            for name, address in addresses_of(project).items()
        )
        file = folder / f"{project}.inv"
        file.write_bytes(header.encode() + zlib.compress(lines.encode()))
        mapping[project] = (url, str(file))
    return mapping


def addresses_of(project: str) -> dict[str, str]:
    """Return the addresses of a project's objects; a last ``$`` is the name."""
    _, rule, names = PROJECTS[project]
    full = (f"{project}.{name}" for name in names.split())
    return {name: rule.format(name=name) for name in full} | EXCEPTIONS.get(project, {})


def kind_of(name: str) -> str:
    """Return whether a name is that of a class or of a function."""
    last = name.rpartition(".")[2]
    return "class" if last[0].isupper() or last == "ndarray" else "function"
