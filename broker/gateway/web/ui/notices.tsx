// Short notices in the corner: what was done, or why not. They go by themselves, failures stay until closed.
import { Problem } from "../lib/api";
import { Store, useStore } from "../lib/store";
import { useText } from "../lib/text";
import { Icon } from "./icons";

interface Notice {
  id: number;
  text: string;
  hint: string | null;
  bad: boolean;
}

const kMost = 4;
const kShownMs = 5000;
const notices = new Store<Notice[]>([]);
let last = 0;

function drop(id: number): void {
  notices.set(notices.get().filter((notice) => notice.id !== id));
}

function add(text: string, hint: string | null, bad: boolean): void {
  const id = ++last;
  notices.set([...notices.get(), { id, text, hint, bad }].slice(-kMost));
  if (!bad) setTimeout(() => drop(id), kShownMs);
}

export function noticeDone(text: string): void {
  add(text, null, false);
}

export function noticeFailed(error: unknown): void {
  const { title, hint } = Problem.of(error).said();
  add(title, hint, true);
}

export function Notices() {
  const t = useText();
  return (
    <div className="notices" role="status" aria-live="polite">
      {useStore(notices).map((notice) => (
        <div key={notice.id} className={"notice" + (notice.bad ? " bad" : "")}>
          <div className="grow">
            <p className="said">{notice.text}</p>
            {notice.hint && <p className="note said">{notice.hint}</p>}
          </div>
          <button type="button" className="button plain icon" aria-label={t("do.close")}
            onClick={() => drop(notice.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
