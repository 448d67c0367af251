// Shows the number of visits; counts one for each browser session.
const place = document.querySelector("[data-visits]");
const counted = sessionStorage.getItem("counted");

try {
  const response = await fetch("/api/visits", { method: counted ? "GET" : "POST" });
  if (response.ok) {
    const { visits } = await response.json();
    sessionStorage.setItem("counted", "yes");
    place.textContent = `${visits.toLocaleString("en")} so far, give or take.`;
  }
} catch {
  // Offline: the page says all it has to say without the number.
}
