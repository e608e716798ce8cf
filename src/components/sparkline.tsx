import * as React from 'react';

const WIDTH = 40;
const HEIGHT = 12;
const BAR = 2;

/** The last values as thin bars, newest at the right; decoration beside the figure. */
export function Sparkline(props: {
  values: ReadonlyArray<number>;
}): React.JSX.Element {
  const values = props.values.slice(-WIDTH / BAR);
  const top = Math.max(...values, 1);
  const start = WIDTH - values.length * BAR;
  return (
    <svg
      className="jp-Headrace-sparkline"
      width={WIDTH}
      height={HEIGHT}
      aria-hidden="true"
    >
      {values.map((value, index) => {
        const height = Math.max(1, Math.round((value / top) * HEIGHT));
        return (
          <rect
            key={index}
            x={start + index * BAR}
            y={HEIGHT - height}
            width={BAR - 0.5}
            height={height}
          />
        );
      })}
    </svg>
  );
}
