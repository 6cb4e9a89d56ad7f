import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { ApiButton, type Sends } from "./api-button";

/** The head of every screen: where one is, what one can do here, and the API calls behind it. */
export function Head({ title, name, children, actions, crumb, sends }: {
  /** What it says, which may hold other people's text. */
  title: ComponentChildren;
  /** For the browser's tab. */
  name: string;
  children?: ComponentChildren;
  actions?: ComponentChildren;
  crumb?: { text: string; href: string };
  /** Of a form: what it would send as it is filled in now. */
  sends?: Sends;
}) {
  useEffect(() => {
    document.title = `${name} · Event service`;
  }, [name]);
  return (
    <div class="head">
      <div>
        {crumb && <p class="crumb"><a href={crumb.href}>{crumb.text}</a></p>}
        <h1>{title}</h1>
        {children && <p>{children}</p>}
      </div>
      <div class="actions">{actions}<ApiButton sends={sends} /></div>
    </div>
  );
}
