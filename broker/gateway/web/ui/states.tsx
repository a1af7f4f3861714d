// What stands where data should: nothing yet, still coming, or a failure. Each says what to do.
import { ReactNode } from "react";
import { Problem } from "../lib/api";
import { useText } from "../lib/text";
import { Icon, IconName } from "./icons";

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ReactNode; // one sentence: what to do
  action?: ReactNode;
}

export function Empty({ icon, title, children, action }: EmptyProps) {
  return (
    <div className="empty">
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Loading() {
  const t = useText();
  return (
    <p className="empty" role="status">
      {t("state.loading")}
    </p>
  );
}

// A failure with what to do about it, and a way to try again where that makes sense.
export function Failure({ problem, retry }: { problem: Problem; retry?: () => void }) {
  const t = useText();
  const { title, hint } = problem.said();
  return (
    <div className="alert row" role="alert" data-code={problem.code}>
      <div className="grow">
        <strong className="said">{title}</strong>
        {hint && <p className="said">{hint}</p>}
      </div>
      {retry && (
        <button type="button" className="button" onClick={retry}>
          <Icon name="retry" />
          {t("do.retry")}
        </button>
      )}
    </div>
  );
}
