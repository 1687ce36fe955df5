import type { App } from './app.js';
import { captureCamera, captureDrawing } from './capture.js';
import { byId, h, say, words } from './dom.js';
import { addFolders, chosen, type Target } from './files.js';
import { icon } from './icons.js';
import { show } from './pictures.js';
import { addSamples } from './samples.js';
import type { Klass } from './state.js';

/** A class on the page. */
interface Card {
  element: HTMLElement;
  update(): void;
  close(): void;
}

/** The list of classes, and how pictures get into them. Returns where files go that are dropped on a card. */
export function mountClasses(app: App): (id: number) => Target | undefined {
  const { state } = app;
  const list = byId('classes');
  const cards = new Map<number, Card>();
  app.errorsOf('classes', byId('classes-error'));

  byId('add-class').addEventListener('click', () => {
    const klass = state.addClass();
    app.classesChanged();
    list.querySelector<HTMLInputElement>(`[data-target="${klass.id}"] input`)?.select();
  });
  const folder = byId<HTMLInputElement>('folder');
  byId('open-folder').addEventListener('click', () => folder.click());
  folder.addEventListener('change', () => {
    const found = chosen(folder.files!);
    folder.value = '';
    void app.try('classes', () => addFolders(app, found));
  });
  for (const button of document.querySelectorAll<HTMLButtonElement>('.samples')) {
    button.addEventListener('click', () => void app.try('classes', () => addSamples(app)));
  }
  byId('clear').addEventListener('click', () => {
    state.classes = [];
    state.heldOut = [];
    state.addClass();
    state.addClass();
    app.error('classes', '');
    state.changed('heldOut');
    app.classesChanged();
  });

  state.on('classes', () => {
    for (const [id, card] of cards) {
      if (state.classes.some((k) => k.id === id)) continue;
      card.close();
      card.element.remove();
      cards.delete(id);
    }
    for (const klass of state.classes) {
      let card = cards.get(klass.id);
      if (!card) {
        card = cardOf(app, klass);
        cards.set(klass.id, card);
        list.append(card.element);
      }
      card.update();
    }
    const pictures = state.classes.reduce((sum, k) => sum + k.pictures.length, 0);
    byId('start').hidden = pictures > 0;
    byId('clear').hidden = pictures === 0;
    const empty = state.classes.filter((k) => k.pictures.length === 0).length;
    const missing = state.filled().length < 2 ? 'Two classes need a picture each.' : '';
    const skipped =
      empty === 0
        ? ''
        : `${empty === 1 ? 'One class has' : `${empty} classes have`} no picture and ${empty === 1 ? 'is' : 'are'} left out.`;
    say(byId('classes-hint'), missing || skipped);
  });

  return (id) => {
    const klass = state.classes.find((k) => k.id === id);
    return klass && { add: async (files) => void (await app.try('classes', () => app.addPictures(klass, files))) };
  };
}

function cardOf(app: App, klass: Klass): Card {
  const { state } = app;
  const name = h('input', { class: 'name', 'aria-label': 'Name of the class', autocomplete: 'off', maxlength: 60 });
  const number = h('span', { class: 'soft count' });
  const thumbs = h('div', { class: 'thumbs' });
  const tool = h('div', { class: 'tool' });
  const picker = h('input', { type: 'file', accept: 'image/*', multiple: true, hidden: true });
  let close = () => {};

  name.addEventListener('change', () => {
    const wanted = name.value.trim();
    const taken = state.classes.some((k) => k !== klass && k.name === wanted);
    app.error('classes', '');
    if (taken) app.error('classes', `there is a class '${wanted}' already: give this one another name`);
    else if (wanted === '') app.error('classes', 'a class needs a name');
    else klass.name = wanted;
    name.value = klass.name;
    app.classesChanged();
  });
  picker.addEventListener('change', () => {
    const files = [...picker.files!];
    picker.value = '';
    void app.try('classes', () => app.addPictures(klass, files));
  });
  const add = async (blob: Blob) => {
    try {
      await app.addPictures(klass, [blob]);
    } catch (error) {
      app.error('classes', words(error));
    }
  };
  /** Opens camera or sheet under the class, or closes what is open. */
  const toggle = (button: HTMLButtonElement, open: typeof captureCamera) => {
    const again = button.getAttribute('aria-expanded') === 'true';
    close();
    if (again) return;
    button.setAttribute('aria-expanded', 'true');
    const end = open(app, tool, klass.name, add, () => close());
    close = () => {
      end();
      button.setAttribute('aria-expanded', 'false');
      tool.replaceChildren();
      close = () => {};
    };
  };
  const button = (text: string, run: (button: HTMLButtonElement) => void, expands = false) => {
    const props = { type: 'button', class: 'small', title: text, ...(expands && { 'aria-expanded': 'false' }) };
    const element = h('button', props, icon(text), h('span', {}, text));
    element.addEventListener('click', () => run(element));
    return element;
  };
  const remove = h('button', {
    type: 'button',
    class: 'icon',
    onclick: () => {
      state.classes = state.classes.filter((k) => k !== klass);
      app.classesChanged();
      byId('add-class').focus();
    },
  });
  remove.append('×');
  const element = h(
    'section',
    { class: 'class', 'data-target': klass.id },
    h('div', { class: 'row' }, name, number, remove),
    h(
      'div',
      { class: 'row fill-in' },
      thumbs,
      button('Camera', (b) => toggle(b, captureCamera), true),
      button('Files', () => picker.click()),
      button('Draw', (b) => toggle(b, captureDrawing), true),
      picker,
    ),
    tool,
  );

  const shown: { image: unknown; element: HTMLElement }[] = [];
  const update = () => {
    if (document.activeElement !== name) name.value = klass.name;
    element.setAttribute('aria-label', klass.name);
    element.classList.toggle('filled', klass.pictures.length > 0);
    remove.setAttribute('aria-label', `Remove ${klass.name}`);
    const n = klass.pictures.length;
    say(number, n === 0 ? 'empty' : n === 1 ? '1 picture' : `${n} pictures`);
    // Only what differs is drawn again.
    const same = klass.pictures.findIndex((picture, i) => shown[i]?.image !== picture.image);
    const keep = same === -1 ? klass.pictures.length : same;
    for (const { element } of shown.splice(keep)) element.remove();
    for (const picture of klass.pictures.slice(keep)) {
      const thumb = h('canvas');
      show(picture.image, thumb);
      const item = h(
        'button',
        {
          type: 'button',
          title: 'Remove this picture',
          'aria-label': `Remove picture ${shown.length + 1} of ${klass.name}`,
          onclick: () => {
            klass.pictures.splice(klass.pictures.indexOf(picture), 1);
            app.classesChanged();
          },
        },
        thumb,
      );
      shown.push({ image: picture.image, element: item });
      thumbs.append(item);
    }
  };
  return { element, update, close: () => close() };
}
