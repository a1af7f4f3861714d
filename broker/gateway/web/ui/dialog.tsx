// A dialog over the page: the browser's own, so that focus stays inside, Escape closes it and the rest is inert.
import { FormEvent, ReactNode, useEffect, useId, useRef, useState } from "react";
import { Problem } from "../lib/api";
import { useText } from "../lib/text";
import { Failure } from "./states";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const shown = element.current;
    const before = document.activeElement;
    if (shown && !shown.open) shown.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog ref={element} aria-labelledby={id} onCancel={(event) => {
      event.preventDefault();
      onClose();
    }}>
      <div className="stack">
        <h2 id={id}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

interface FormDialogProps extends DialogProps {
  action: string; // the word on the button that does it
  danger?: boolean;
  ready?: boolean; // whether it can be pressed
  run: () => Promise<void>; // closes when it succeeds, shows the problem when it does not
}

// A dialog that does one thing: a form with Cancel and one action.
export function FormDialog({ title, onClose, children, action, danger = false, ready = true, run }: FormDialogProps) {
  const t = useText();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !ready) return;
    setBusy(true);
    setProblem(null);
    try {
      await run();
      onClose();
    } catch (error) {
      setProblem(Problem.of(error));
      setBusy(false);
    }
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <form className="stack" onSubmit={submit} noValidate>
        {children}
        {problem && <Failure problem={problem} />}
        <div className="row tight">
          <span className="push" />
          <button type="button" className="button" onClick={onClose}>
            {t("do.cancel")}
          </button>
          <button type="submit" className={"button primary" + (danger ? " danger" : "")} disabled={busy || !ready}>
            {action}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
