fetch("/api/")
  .then((answer) => answer.json())
  .then((found) => {
    document.getElementById("answer").textContent = `Visit ${found.visits}, answered by port ${found.port}.`;
  });
