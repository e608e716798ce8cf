"""The stateless job as a cell."""

import pandas as pd


def transform(df: pd.DataFrame) -> pd.DataFrame:
    """Give the flights that flew, with their speed and whether they were late."""
    flown = df[df.dep_delay.notna()]
    return flown.assign(speed=flown.distance / (flown.air_time / 60), late=flown.arr_delay > 15)  # noqa: PLR2004 - minutes
