import * as React from 'react';

/** At most so many characters stay at the end when the middle is cut. */
const LONGEST_TAIL = 8;
/** Shorter names are cut at the end. */
const SHORTEST = 9;

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
  const tail = Math.min(LONGEST_TAIL, Math.floor(text.length / 3));
  const cut = text.length < SHORTEST ? text.length : text.length - tail;
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
