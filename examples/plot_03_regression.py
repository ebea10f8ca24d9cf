"""
Regression: from a name to its colour
=====================================

What colour is "dusty rose"? A colour is three numbers, and both regressors predict
several targets as well as one.
"""

# %%
# The data
# --------
#
# Names that people gave to colours in a survey, which come with matplotlib. The targets
# are the shares of red, green and blue, from 0 to 1.

# sphinx_gallery_thumbnail_number = 2  # noqa: ERA001
import numpy as np
from matplotlib.colors import XKCD_COLORS, to_rgb
from sklearn.model_selection import train_test_split

names = [name.removeprefix("xkcd:") for name in XKCD_COLORS]
colours = np.array([to_rgb(code) for code in XKCD_COLORS.values()])
X_train, X_test, y_train, y_test = train_test_split(
    names, colours, test_size=0.3, random_state=1
)
print(X_train[0], y_train[0].round(2))

# %%
# Five regressors
# ---------------
#
# Counts of words know nothing of a word that no training name has. An embedding knows
# what such a word means, but in 256 dimensions of which few are about colours.
# ``StaticLinearRegressor`` puts words and embeddings side by side. ``StaticRegressor``
# fine-tunes: it moves the vectors of the words it meets, at its defaults and with a
# higher learning rate.

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline

from sklearn_static import (
    StaticEmbeddingTransformer,
    StaticLinearRegressor,
    StaticRegressor,
)

strengths = np.logspace(-3, 2, 11)
regressors = {
    "counts of words": make_pipeline(CountVectorizer(), RidgeCV(strengths)),
    "embeddings": make_pipeline(StaticEmbeddingTransformer(), RidgeCV(strengths)),
    "StaticLinearRegressor": StaticLinearRegressor(random_state=0),
    "StaticRegressor": StaticRegressor(random_state=0),
    "StaticRegressor, lr=3e-3": StaticRegressor(lr=3e-3, random_state=0),
}
for name, regressor in regressors.items():
    regressor.fit(X_train, y_train)
    print(f"{name}: R2 {regressor.score(X_test, y_test):.3f}")

# %%
# Predicted against true
# ----------------------
#
# Points on the line are right. Where a name tells little, the prediction stays nearer
# to the mean than the truth is, as the squared error asks of it.

import matplotlib.pyplot as plt

predicted = regressors["StaticRegressor"].predict(X_test).clip(0, 1)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True, layout="constrained")
for i, (axis, channel) in enumerate(zip(axes, ["red", "green", "blue"], strict=True)):
    axis.axline((0, 0), slope=1, color="gray", linewidth=0.8)
    axis.scatter(y_test[:, i], predicted[:, i], color=channel, s=10, alpha=0.4)
    axis.set(title=channel, xlabel="true", aspect="equal")
axes[0].set_ylabel("predicted")
plt.show()

# %%
# In colours
# ----------
#
# Some names of the test set: on the left of each pair what people saw, on the right
# what was predicted. The last column has names of our own, for which there is no truth.
# The regressor does well where words are similar to some of the training names.

own = [
    "raspberry jam",
    "ripe banana",
    "desert sand",
    "lavender field",
    "winter sky",
    "brick wall",
]
imagined = regressors["StaticRegressor"].predict(own).clip(0, 1)


def swatch(axis, name, *colours):
    axis.imshow([colours], extent=(0, 2, 0, 1))
    axis.set_title(name, fontsize=9)
    axis.set_axis_off()


figure, axes = plt.subplots(6, 4, figsize=(9, 6.5), layout="constrained")
for i, axis in enumerate(axes[:, :3].flat):
    swatch(axis, X_test[i], y_test[i], predicted[i])
for axis, name, colour in zip(axes[:, 3], own, imagined, strict=True):
    swatch(axis, name, colour)
plt.show()
