// Turning the pages of a long list: which part is shown, of how many, and to the neighbours.
import { count } from "../lib/format";
import { useText } from "../lib/text";
import { Icon } from "./icons";

export const kPage = 100;

interface PagerProps {
  from: number; // how many are before the first one shown
  shown: number;
  total: number;
  onMove: (from: number) => void;
}

export function Pager({ from, shown, total, onMove }: PagerProps) {
  const t = useText();
  if (total <= kPage) return null;
  return (
    <nav className="row center pager" aria-label={t("pages.title")}>
      <button type="button" className="button" name="earlier" disabled={from === 0} aria-label={t("pages.earlier")}
        onClick={() => onMove(Math.max(0, from - kPage))}>
        <Icon name="back" />
      </button>
      <span className="quiet small">
        {t("pages.place", { first: count(Math.min(from + 1, total)), last: count(from + shown), total: count(total) })}
      </span>
      <button type="button" className="button" name="later" disabled={from + shown >= total}
        aria-label={t("pages.later")} onClick={() => onMove(from + kPage)}>
        <Icon name="forward" />
      </button>
    </nav>
  );
}
