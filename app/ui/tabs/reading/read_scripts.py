"""What the read tab does in the browser: following links, remembering, showing the mark, keys."""

from __future__ import annotations

# A citation is a link such as #read=ID:120-180, and a document one such as #open=ID. The address
# holds where one is, so that reload, back and bookmarks work; the last open document opens again.
# A citation that is clicked again does not change the address, but is followed, too.
# The arrow keys turn leaves while the focus is on what is read.
FOLLOW_LINKS = """() => {
  const go = () => document.querySelector('#goto')?.click();
  window.addEventListener('hashchange', go);
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href^="#read="]');
    if (link && link.getAttribute('href') === location.hash) go();
  });
  document.addEventListener('keydown', (event) => {
    const turn = {ArrowLeft: '#turn-back', ArrowRight: '#turn-on'}[event.key];
    if (!turn || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!event.target.matches?.('.bs-pane')) return;
    event.preventDefault();
    window.bookstateTurns = true;
    document.querySelector(turn)?.click();
  });
  const start = () => document.querySelector('#goto') ? go() : setTimeout(start, 100);
  start();
}"""
PLACE = """(_, selected) => {
  const place = location.hash.slice(1) || 'open=' + (localStorage.getItem('bookstate') || '');
  const view = localStorage.getItem('bookstate-view') || 'Text';
  return [decodeURIComponent(place), selected, view];
}"""
VIEW = "() => localStorage.getItem('bookstate-view') || 'Text'"
REMEMBER_VIEW = "(view) => { localStorage.setItem('bookstate-view', view); }"
REMEMBER = """(id) => {
  if (!id) return;
  localStorage.setItem('bookstate', id);
  if (!location.hash.includes(id)) history.replaceState(null, '', '#open=' + id);
}"""
# At once, and again while the rest of the page still appears: what stands above the text comes a
# little later than the text and moves it. Whoever scrolls meanwhile is left alone.
SHOW_MARK = """() => {
  const until = performance.now() + 1200;
  let left = false;
  const leave = () => { left = true; };
  const done = () => ['wheel', 'touchmove', 'mousedown'].forEach(
    (name) => removeEventListener(name, leave));
  ['wheel', 'touchmove', 'mousedown'].forEach(
    (name) => addEventListener(name, leave, {passive: true, once: true}));
  const look = () => {
    const pane = document.querySelector('#leaf .bs-pane');
    const mark = document.querySelector('#leaf mark');
    const seen = (thing) => {
      const box = thing.getBoundingClientRect();
      return box.height > 0 && box.top >= 0 && box.top < innerHeight - 20
        && box.left >= 0 && box.left < innerWidth;
    };
    if (mark && !seen(mark)) mark.scrollIntoView({block: 'center', inline: 'center'});
    else if (!mark && pane && !seen(pane)) pane.scrollIntoView({block: 'start'});
    if (pane && window.bookstateTurns && document.activeElement !== pane) {
      pane.focus({preventScroll: true});
    }
    if (left || performance.now() > until) { window.bookstateTurns = false; done(); return; }
    setTimeout(look, 60);
  };
  look();
}"""
