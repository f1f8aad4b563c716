// Times, sizes and messages as one line of text.

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const DAY = 86_400_000;

function midnight(ms) {
  return new Date(ms).setHours(0, 0, 0, 0);
}

export const clock = (ms) => time.format(ms);
export const dated = (ms) => calendar.format(ms);
export const exactly = (ms) => exact.format(ms);
export const sameDay = (a, b) => midnight(a) === midnight(b);

/** When, as short as can be: today the time, this week the day. */
export function shortly(ms) {
  const days = Math.round((midnight(Date.now()) - midnight(ms)) / DAY);
  if (days <= 0) return time.format(ms);
  return days < 7 ? weekday.format(ms) : date.format(ms);
}

export function day(ms) {
  const days = Math.round((midnight(Date.now()) - midnight(ms)) / DAY);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : full.format(ms);
}

export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** A message in one line. people names users. */
export function summary(message, people) {
  switch (message.type) {
    case "text":
      return message.text;
    case "img":
      return "Picture";
    case "voice":
      return message.duration ? `Voice message, ${duration(message.duration)}` : "Voice message";
    case "video":
      return "Video";
    case "file":
      return message.name || "File";
    case "recalled":
      return "Message recalled";
    case "gone":
      return "Message deleted";
    case "notice":
      return notice(message, people);
    default:
      return typeof message.data?.text === "string" ? message.data.text : `Message of type ${message.type}`;
  }
}

function listed(users, count, people) {
  const some = users.slice(0, 3).map((user) => people.name(user));
  if (count > some.length) return `${some.join(", ")} and ${count - some.length} more`;
  return some.length < 2 ? some.join("") : `${some.slice(0, -1).join(", ")} and ${some.at(-1)}`;
}

/** What a notice says happened. */
export function notice({ data = {} }, people) {
  const { event, users = [], count = users.length, by } = data;
  const names = listed(users, count, people);
  const others = listed(users.filter((user) => user !== by), count - 1, people);
  const self = by && users.length === 1 && users[0] === by;
  switch (event) {
    case "joined":
      if (by && users.length > 1 && users.includes(by)) return `${people.name(by)} opened the group with ${others}`;
      return by && !self ? `${people.name(by)} added ${names}` : `${names} joined`;
    case "left":
      return `${names} left`;
    case "removed":
      return by ? `${people.name(by)} removed ${names}` : `${names} was removed`;
    default:
      return typeof data.text === "string" ? data.text : event ? `${event}: ${names}` : "Something changed";
  }
}
