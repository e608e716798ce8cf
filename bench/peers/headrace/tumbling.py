"""The tumbling window as a cell."""

import pandas as pd


def transform(df: pd.DataFrame) -> pd.DataFrame:
    """Give each sensor's count, sum and maximum."""
    grouped = df.groupby(["window_start", "sensor"])
    return grouped.agg(readings=("number", "size"), total=("value", "sum"), highest=("value", "max")).reset_index()
