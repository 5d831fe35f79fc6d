"""Small links beside what is shown, which copy it or keep it in the notebook."""

from __future__ import annotations

from html import escape

# Each link does something on the page instead of leading anywhere. What is copied is the nearest
# box around the link, without the links themselves (`.bs-copying` hides them).
FOLLOW = """() => {
  const boxes = '.bs-answer, li, blockquote, .bs-kept, .bs-told, .bs-summary';
  const say = (link, words) => {
    const before = link.dataset.before ||= link.textContent;
    link.textContent = words;
    setTimeout(() => link.textContent = before, 2500);
  };
  window.bsSaid = (words) => { if (window.bsLink) say(window.bsLink, words); };
  const act = (event) => {
    const link = event.target.closest?.('.bs-acts a');
    if (!link) return;
    event.preventDefault();
    event.stopPropagation();
    const what = decodeURIComponent(link.getAttribute('href').slice(1));
    window.bsLink = link;
    window.bsWhat = what.slice(what.indexOf('=') + 1);
    if (what !== 'copy') {
      document.querySelector(what.startsWith('note=') ? '#edit-note' : '#keep')?.click();
      return;
    }
    const box = link.closest(boxes);
    box.classList.add('bs-copying');
    const text = box.innerText.trim();
    box.classList.remove('bs-copying');
    if (!navigator.clipboard) return say(link, 'This browser does not let pages copy.');
    navigator.clipboard.writeText(text).then(
      () => say(link, 'Copied'), () => say(link, 'This browser does not let pages copy.'));
  };
  document.addEventListener('click', act, true);
}"""
WHAT = "(_, selected) => [window.bsWhat || '', selected]"
SAY = "(words) => window.bsSaid?.(words)"


def acts(keep: str = "", edit: int = 0) -> str:
    """Links to copy what stands around them, to keep it, and to edit a note.

    keep: what `app/ui/tabs/reading/keeping.py` finds it by.
    """
    links = ['<a href="#copy">Copy</a>']
    if keep:
        links.append(f'<a href="#keep={escape(keep)}">Keep</a>')
    if edit:
        links.append(f'<a href="#note={edit}">Edit</a>')
    return f'<span class="bs-acts">{" ".join(links)}</span>'


def passage_acts(reading_id: str, start: int, end: int) -> str:
    """Links beside a passage of the text."""
    return acts(f"passage:{reading_id}:{start}-{end}") if reading_id else acts()
