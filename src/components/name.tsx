import * as React from 'react';

/** How many characters stay at the end when the middle is cut. */
const TAIL = 9;

/**
 * A name on one line, cut in the middle where space is short, whole in the tooltip.
 *
 * The head shrinks, the tail stays, so that `flights.late` and `flights.late.dlq`
 * can be told apart.
 */
export function Name(props: {
  text: string;
  className?: string;
}): React.JSX.Element {
  const { text } = props;
  const cut = text.length > 2 * TAIL ? text.length - TAIL : text.length;
  return (
    <span
      className={`jp-Headrace-name ${props.className ?? ''}`.trim()}
      title={text}
    >
      <span className="jp-Headrace-nameHead">{text.slice(0, cut)}</span>
      {cut < text.length && (
        <span className="jp-Headrace-nameTail">{text.slice(cut)}</span>
      )}
    </span>
  );
}
