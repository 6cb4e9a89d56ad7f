import type { DeliveryStatus, EndpointStatus } from "../api/documents";
import { Icon, type IconName } from "./icon";

const LOOKS: Record<DeliveryStatus | EndpointStatus, { text: string; look: string; icon: IconName }> = {
  PENDING: { text: "Pending", look: "warn", icon: "clock" },
  DELIVERED: { text: "Delivered", look: "good", icon: "check" },
  FAILED: { text: "Failed", look: "bad", icon: "cross" },
  DISCARDED: { text: "Discarded", look: "", icon: "trash" },
  ENABLED: { text: "Enabled", look: "good", icon: "check" },
  PAUSED: { text: "Paused", look: "warn", icon: "pause" },
  DISABLED: { text: "Disabled", look: "bad", icon: "off" },
};

export function Status({ of }: { of: DeliveryStatus | EndpointStatus }) {
  const { text, look, icon } = LOOKS[of];
  return <span class={`badge ${look}`}><Icon name={icon} />{text}</span>;
}
